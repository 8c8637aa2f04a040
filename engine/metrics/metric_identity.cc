// What makes two handles of a pack the same metric, as text: they share a leaf, and a checkpoint finds it again by it.
#include "base/text.h"
#include "metrics/engine_state.h"

namespace tidewatch {

std::string unambiguous(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += std::to_string(part.size()) + ":" + part;
  return out;
}

std::string identity(const MetricSpec& m) {
  std::vector<std::string> parts = {
      m.metric,
      m.stream,
      unambiguous(m.columns),
      m.expression,
      m.where,
      std::to_string(m.predicate),
      m.window.text(),
      m.window.calendar,
      m.window.zone,
      unambiguous(m.by),
      std::to_string(m.step.ns),
      std::to_string(m.lateness.ns),
      std::to_string(m.min_n),
      std::to_string(m.most_series),
      std::to_string(m.full),
      std::to_string(static_cast<int>(m.read)),
      m.against,
      m.trailing.is_set() ? m.trailing.text() + " " + std::to_string(m.trailing.rebin.ns) : std::string(),
      std::to_string(m.at_baseline),
      m.bins,
      std::to_string(m.smoothing_floor),
      std::to_string(m.point_masses),
      std::to_string(m.nulls_bin),
      std::to_string(m.reverse),
      format_number(m.q),
      std::to_string(m.exact),
      format_number(m.threshold),
      m.positive,
      m.unit,
      m.of,
      m.calendar,
      m.zone,
      std::to_string(m.ordered),
      format_number(m.false_positive_cost),
      format_number(m.false_negative_cost),
      std::to_string(m.per_prediction),
      m.method,
      std::to_string(m.scaled),
      m.test,
      m.schedule,
      std::to_string(m.within.ns),
      m.covers,
      std::to_string(m.holds.ns),
      m.side,
      m.control,
      m.candidate,
      format_number(m.least),
      m.worse,
      std::to_string(m.is_calibrated)};
  return unambiguous(parts);
}

}  // namespace tidewatch
