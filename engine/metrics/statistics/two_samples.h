// The distance of two empirical distributions given as values with counts: the largest gap of their distribution
// functions (Kolmogorov-Smirnov's D) and the area between them (Wasserstein's W1).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace tidewatch {

using Weighted = std::vector<std::pair<double, std::uint64_t>>;  // ascending values, counts above 0

struct TwoSamples {
  double ks = 0, area = 0;
};

// Both must have rows. Gaps are integers |i m - j n| until the last step, so equal gaps are equal bits.
TwoSamples distance(const Weighted& current, const Weighted& reference);

}  // namespace tidewatch
