// Pane arithmetic: see pane_clock.h. Months and years are walked on civil dates, never on fixed lengths, because a
// local month may be an hour short or long.
#include "metrics/windows/pane_clock.h"

namespace tidewatch {
namespace {

// First day of the calendar unit that holds `day`.
CivilDay unit_start(WindowSpec::Unit unit, CivilDay day) {
  if (unit == WindowSpec::Unit::day) return day;
  if (unit == WindowSpec::Unit::week) return day - static_cast<CivilDay>(weekday(day));
  CivilDate date = to_date(day);
  date.day = 1;
  if (unit == WindowSpec::Unit::quarter) date.month = (date.month - 1) / 3 * 3 + 1;
  if (unit == WindowSpec::Unit::year) date.month = 1;
  return to_day(date);
}

}  // namespace

std::int64_t PaneClock::index(Instant t) const {
  if (!by_day_) return floor_to(t, step_).ns / step_.ns;
  if (t < day_from_ || t >= day_to_) {
    const CivilDay day = local_day(t, zone_);
    day_ = day;
    day_from_ = start(day);
    day_to_ = start(day + 1);
  }
  return day_;
}

Instant PaneClock::start(std::int64_t pane) const {
  if (!by_day_) return {pane * step_.ns};
  const auto found = midnights_.find(pane);
  if (found != midnights_.end()) return found->second;
  if (midnights_.size() > 4096) midnights_.clear();
  return midnights_[pane] = local_midnight(static_cast<CivilDay>(pane), zone_);
}

WindowRange window_range(const WindowSpec& window, const PaneClock& clock, std::int64_t panes, const Calendar& calendar,
                         Instant as_of, bool open) {
  WindowRange range;
  const std::int64_t running = clock.index(as_of);
  if (window.kind == WindowSpec::Kind::calendar) {
    const CivilDay now_start = unit_start(window.unit, static_cast<CivilDay>(running));
    range.end = open ? running + 1 : now_start;
    range.first = open ? now_start : unit_start(window.unit, now_start - 1);
  } else if (window.kind == WindowSpec::Kind::business_days) {
    range.end = open ? running + 1 : running;
    range.first = calendar.shift(static_cast<CivilDay>(range.end), -static_cast<std::int64_t>(window.count));
  } else {
    range.end = open ? running + 1 : running;
    range.first = range.end - panes;
  }
  range.from = clock.start(range.first);
  range.to = clock.start(range.end);
  return range;
}

}  // namespace tidewatch
