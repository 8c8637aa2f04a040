#include "metrics/windows/window_span.h"

#include "metrics/windows/seasonal_slots.h"

namespace tidewatch {

Duration default_step(Duration over) {
  for (std::int64_t panes = 60; panes > 1; --panes)
    if (over.ns % (panes * 1'000'000) == 0) return over / panes;
  return over;
}

Duration nominal(const WindowSpec& window) {
  using Unit = WindowSpec::Unit;
  switch (window.kind) {
    case WindowSpec::Kind::sliding:
      return window.over;
    case WindowSpec::Kind::business_days:
      return days(static_cast<std::int64_t>(window.count) * 7 / 5 + 20);
    case WindowSpec::Kind::calendar:
      return days(window.unit == Unit::day       ? 2
                  : window.unit == Unit::week    ? 14
                  : window.unit == Unit::month   ? 62
                  : window.unit == Unit::quarter ? 184
                                                 : 732);
    default:
      return {0};
  }
}

Duration reach_of(const MetricSpec& metric) {
  const TrailingSpec& past = metric.trailing;
  if (!past.is_seasonal()) return past.gap + past.span;
  // Local time may have been set forward since, by two hours at most.
  const Duration slack = metric.zone == "UTC" ? Duration{0} : hours(2);
  return past.period * (past.periods + periods_between_cuts(past) - 1) + slack;
}

Duration reach_of(const HandleSpec& handle) {
  if (handle.op == HandleSpec::Op::trailing) return handle.span + handle.gap;
  if (handle.op == HandleSpec::Op::seasonal) return handle.span * handle.periods;
  if (handle.op == HandleSpec::Op::detector) return {0};  // it remembers by itself
  return handle.span;
}

}  // namespace tidewatch
