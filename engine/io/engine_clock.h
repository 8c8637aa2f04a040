// Engine time made from a wall clock that people and NTP set. It never goes back, because alert clocks and windows do
// not: behind a wall clock that was set back it goes on at half speed until the wall clock has caught up. Standing
// still for that long was decided against (an hour without a single evaluation), and so was full speed (never right
// again). So nothing is early; what is late is late by as much again as the clock was set back, and the log says so.
#pragma once

#include <functional>

#include "base/time.h"

namespace tidewatch {

class EngineClock {
 public:
  // `steady` counts on whatever happens to `wall`, from any beginning.
  EngineClock(std::function<Instant()> wall, std::function<Duration()> steady)
      : wall_(std::move(wall)), steady_(std::move(steady)), steady_last_(steady_()) {}

  Instant now();
  // Engine time was here already (before a restart): it does not go back behind that either.
  void not_before(Instant instant);
  // How far engine time is ahead of the wall clock, as of the last now().
  Duration ahead() const { return ahead_; }

 private:
  std::function<Instant()> wall_;
  std::function<Duration()> steady_;
  Instant last_ = far_past;
  Duration steady_last_, ahead_{0};
  bool has_said_ = false;
};

}  // namespace tidewatch
