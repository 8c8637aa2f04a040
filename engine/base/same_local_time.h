// "Monday nine o'clock, a week earlier": what seasons are counted in. In a zone whose clock is set, that is not a fixed
// span of time.
#pragma once

#include <string>

#include "base/time.h"

namespace tidewatch {

// The instant at the same local time `back` earlier. Where the clock was set in between, the offset of the instant
// found first decides; an hour that was skipped is taken as the one before it. "" and "UTC" have no offset.
Instant same_local_time(Instant at, Duration back, const std::string& zone);

}  // namespace tidewatch
