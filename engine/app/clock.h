// "START@SPEED": engine time for demonstrations. SPEED is how many seconds pass in one; "2026-01-05@86400" is a day
// a second. Without it the wall clock is engine time.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace tidewatch {

struct DemoClock {
  Instant start{};
  double speed = 1;
};

Result<DemoClock> parse_clock(const std::string& text);
Instant wall_now();
// Reads the clock that began when this was called.
std::function<Instant()> start_clock(const DemoClock& clock);

}  // namespace tidewatch
