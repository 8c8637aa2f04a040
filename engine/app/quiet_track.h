// What a backtest notes of a label set whose rules were never false: their values, until one was. Where such a rule
// would have been quiet is then a quantile of them.
#pragma once

#include <vector>

#include "app/backtest.h"

namespace tidewatch {

class QuietTrack {
 public:
  void take(const Observation& seen, Instant at, const Reading& reading);
  void tell(const MonitorSpec& monitor, MonitorHistory& history);

 private:
  Quietness quietness_;
  std::vector<double> values_;  // of every stride_-th verdict, while a rule was never quiet
  std::uint64_t stride_ = 1;
};

}  // namespace tidewatch
