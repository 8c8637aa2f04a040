#include "metrics/windows/seasonal_slots.h"

#include <algorithm>

#include "base/same_local_time.h"

namespace tidewatch {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }

}  // namespace

std::int64_t periods_between_cuts(const TrailingSpec& past) {
  return std::max<std::int64_t>(1, (past.rebin.ns + past.period.ns - 1) / past.period.ns);
}

WindowRange SeasonalSlots::earlier(const WindowRange& window, std::int64_t periods) const {
  const std::int64_t length = window.end - window.first;
  WindowRange out;
  if (clock_.by_day()) {
    out.first = window.first - periods * (past_.period.ns / days(1).ns);
  } else {
    const Instant from = same_local_time(window.from, past_.period * periods, zone_);
    out.first = clock_.index(from + clock_.step() / 2);
  }
  out.end = periods > 0 ? std::min(out.first + length, window.first) : window.end;
  out.from = clock_.start(out.first);
  out.to = clock_.start(out.end);
  return out;
}

std::int64_t SeasonalSlots::cut_age(const WindowRange& window, Instant first_row) const {
  const std::int64_t first = clock_.index(first_row);
  std::int64_t since = 0;  // whole periods from the first row's pane
  if (clock_.by_day()) {
    since = floor_div(window.first - first, past_.period.ns / days(1).ns);
  } else {
    const auto local = [&](Instant t) { return t + zone_offset(t, zone_); };
    since = floor_div((local(window.from) - local(clock_.start(first))).ns, past_.period.ns);
  }
  return since < least_seasons ? -1 : (since - least_seasons) % periods_between_cuts(past_);
}

}  // namespace tidewatch
