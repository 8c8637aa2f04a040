// Where panes begin and end. Sliding windows count panes of `step` from the epoch; calendar and business-day windows
// use local days, whose length follows the zone. Both are a whole number, so the ring need not know which it has.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/calendar.h"
#include "base/time.h"
#include "metrics/handle.h"

namespace tidewatch {

class PaneClock {
 public:
  explicit PaneClock(Duration step) : step_(step) {}
  explicit PaneClock(std::string zone) : zone_(std::move(zone)), by_day_(true) {}

  bool is_same(const PaneClock& other) const {
    return by_day_ == other.by_day_ && step_ == other.step_ && zone_ == other.zone_;
  }
  bool by_day() const { return by_day_; }
  Duration step() const { return by_day_ ? days(1) : step_; }  // nominal for days
  std::int64_t index(Instant t) const;                         // the pane holding t
  Instant start(std::int64_t pane) const;                      // its first instant

 private:
  Duration step_{};
  std::string zone_;
  bool by_day_ = false;
  // The last local day looked up: rows mostly come in time order.
  mutable std::int64_t day_ = 0;
  mutable Instant day_from_{1}, day_to_{0};
  mutable std::unordered_map<std::int64_t, Instant> midnights_;
};

// Panes [first, end) and their instants, half open.
struct WindowRange {
  std::int64_t first = 0, end = 0;
  Instant from{}, to{};
};

// The window of `window` as of event time `as_of`: the newest one ended by then (closed), or the one with the running
// pane or day (open). `panes` is the length of a sliding window; `calendar` is used by business days.
WindowRange window_range(const WindowSpec& window, const PaneClock& clock, std::int64_t panes, const Calendar& calendar,
                         Instant as_of, bool open);

}  // namespace tidewatch
