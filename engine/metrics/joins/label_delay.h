// How long labels take, from those that came and those still awaited. The mean over arrived labels is wrong by
// construction (it forgets the slow ones) and is not offered; the Kaplan-Meier curve counts a pending row for as long
// as it has been watched.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace tidewatch {

// Times in any unit, with how many rows each. At equal times events come before censorings, as in survival analysis.
struct DelayCounts {
  std::map<std::int64_t, std::uint64_t> known;     // delay of the first label
  std::map<std::int64_t, std::uint64_t> censored;  // age at which a row without label was last seen

  std::uint64_t rows() const;
};

// Least time with S(t) <= 1 - q; none when the curve has not come down that far.
// Source: Kaplan and Meier, JASA 53 (1958); statsmodels SurvfuncRight.quantile.
std::optional<std::int64_t> delay_quantile(const DelayCounts& counts, double q);

}  // namespace tidewatch
