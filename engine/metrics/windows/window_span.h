// How long windows are, how wide their panes when nobody says, how far back handles look: what decides how many panes
// there are, for the engine that makes them, for stock packs that ask and for who estimates them.
#pragma once

#include "metrics/handle.h"

namespace tidewatch {

// over/60 or the next fewer panes giving whole milliseconds: 10s -> 50 x 200ms.
Duration default_step(Duration over);

// The longest such a window can be; none for "N rows".
Duration nominal(const WindowSpec& window);

// How far before its window the past of a metric reaches, with what the bins in force were cut from.
Duration reach_of(const MetricSpec& metric);

// How far behind its own window a handle reads its inputs.
Duration reach_of(const HandleSpec& handle);

}  // namespace tidewatch
