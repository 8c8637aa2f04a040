// How wide panes are when nobody says: the engine cuts by it, and stock packs ask a handle for it.
#pragma once

#include "base/time.h"

namespace tidewatch {

// over/60, or the next fewer panes giving whole milliseconds: 10s -> 50 x 200ms.
Duration default_step(Duration over);

}  // namespace tidewatch
