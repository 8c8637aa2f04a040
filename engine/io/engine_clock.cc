// See engine_clock.h.
#include "io/engine_clock.h"

#include <algorithm>

#include "base/log.h"

namespace tidewatch {

Instant EngineClock::now() {
  const Instant wall = wall_();
  const Duration steady = steady_();
  if (wall >= last_) {
    if (has_said_) log::info("clock_caught_up");
    has_said_ = false;
    last_ = wall;
  } else {
    last_ = std::max(wall, last_ + Duration{std::max<std::int64_t>(0, (steady - steady_last_).ns / 2)});
    // A hair's breadth is NTP at work, not news.
    if (!has_said_ && last_ - wall > seconds(1)) {
      has_said_ = true;
      log::warning("clock_set_back",
                   {{"by", format_duration(last_ - wall)}, {"until_then", "engine time at half speed"}});
    }
  }
  steady_last_ = steady;
  ahead_ = last_ - wall;
  return last_;
}

void EngineClock::not_before(Instant instant) { last_ = std::max(last_, instant); }

}  // namespace tidewatch
