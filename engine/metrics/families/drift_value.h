// What two sets of bin counts say: psi kl js hellinger total_variation l_infinity chi2, with their p-values. The
// reference is a sample too, so p-values carry 1/n + 1/n_ref. Smoothing adds half a row a bin; "floor" (none, but zero
// shares of psi and kl become 1e-4) is there for comparison with other tools. Formulas: p reference, q current, natural
// log.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "metrics/families/tally.h"

namespace tidewatch {

// `statistic` is what is chi-square distributed when nothing drifted; negative when the distance has none.
struct BinnedDistance {
  double value = 0, statistic = -1;
  unsigned degrees = 0;
};
BinnedDistance binned_distance(const MetricSpec& spec, std::span<const std::uint64_t> reference,
                               std::span<const std::uint64_t> current, bool is_text);

// What chance does to such a distance when nothing drifted, n rows against n_reference; `inflation` is left as it is.
void say_chance(const MetricSpec& spec, std::uint64_t n, std::uint64_t n_reference, unsigned degrees, Chance& chance);

// Settles `out` with the metric `spec` asks for. The counts are by bin; `current` may be shorter, its rest is 0. Some
// row must be counted on either side.
void read_binned(const std::vector<std::uint64_t>& reference, const std::vector<std::uint64_t>& current,
                 const MetricSpec& spec, bool is_text, Reading& out);

}  // namespace tidewatch
