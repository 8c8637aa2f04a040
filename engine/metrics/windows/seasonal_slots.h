// The slots a window is compared with under seasonal("1 week"): the window 1, 2 ... whole periods earlier, at the same
// local time where a zone is set. Unlike trailing_cuts.h nothing is remembered: bins belong to a place in the period
// (Monday nine o'clock), and which window they were cut at follows from the series' first row by counting periods. One
// set of bins for all hours was turned down: a quiet night falls into the first of them whole, and drifts unseen.
#pragma once

#include <cstdint>
#include <string>

#include "metrics/windows/pane_clock.h"

namespace tidewatch {

// Slots with rows below which there is no reference.
inline constexpr std::uint32_t least_seasons = 4;

// How many periods bins stay in force: `rebin`, in whole ones.
std::int64_t periods_between_cuts(const TrailingSpec& past);

class SeasonalSlots {
 public:
  // `zone` of the metric; a clock of days has its own. The references are borrowed.
  SeasonalSlots(const TrailingSpec& past, const PaneClock& clock, const std::string& zone)
      : past_(past), clock_(clock), zone_(zone) {}

  // The window `periods` earlier, in whole panes: the nearest where a clock that was set moved it between two. It never
  // reaches into the window itself.
  WindowRange earlier(const WindowRange& window, std::int64_t periods) const;
  // How many periods before this window its bins are due to be cut, for a series that begins with `first_row`: they are
  // cut at the first window of this slot that has `least_seasons` slots behind it, then every `rebin`. Negative when
  // none has.
  std::int64_t cut_age(const WindowRange& window, Instant first_row) const;

 private:
  const TrailingSpec& past_;
  const PaneClock& clock_;
  const std::string& zone_;
};

}  // namespace tidewatch
