// The product over event times in ascending order; see label_delay.h.
#include "metrics/joins/label_delay.h"

namespace tidewatch {

std::uint64_t DelayCounts::rows() const {
  std::uint64_t n = 0;
  for (const auto* side : {&known, &censored})
    for (const auto& [time, count] : *side) n += count;
  return n;
}

std::optional<std::int64_t> delay_quantile(const DelayCounts& counts, double q) {
  // 1 - q in doubles may lie a rounding below a product that is equal on paper.
  const double wanted = 1 - q + 1e-12;
  std::uint64_t at_risk = counts.rows();
  auto gone = counts.censored.begin();
  double survival = 1;
  for (const auto& [time, events] : counts.known) {
    for (; gone != counts.censored.end() && gone->first < time; ++gone) at_risk -= gone->second;
    survival *= 1 - static_cast<double>(events) / static_cast<double>(at_risk);
    if (survival <= wanted) return time;
    at_risk -= events;
  }
  return std::nullopt;
}

}  // namespace tidewatch
