// See inflation.h.
#include "metrics/families/inflation.h"

#include <algorithm>
#include <bit>

#include "metrics/families/null_quantiles.h"

namespace tidewatch {

void BaselineOrder::take(std::vector<std::pair<Instant, std::uint16_t>> rows) {
  std::sort(rows.begin(), rows.end());
  if (rows.size() > most_rows) rows.resize(most_rows);
  bins_.clear();
  known_.clear();
  for (const auto& [at, bin] : rows) bins_.push_back(bin);
}

std::optional<double> BaselineOrder::inflation(std::uint64_t size, std::size_t bins, const Statistic& statistic) const {
  if (size == 0) return std::nullopt;
  if (const auto spare = static_cast<int>(std::bit_width(size)) - 4; spare > 0) size = size >> spare << spare;
  const std::uint64_t windows = bins_.size() / size;
  if (windows < least_windows) return std::nullopt;
  if (const auto found = known_.find(size); found != known_.end()) return found->second;
  std::vector<double> ratios;
  std::vector<std::uint64_t> counts;
  for (std::uint64_t window = 0; window < windows; ++window) {
    counts.assign(bins, 0);
    for (std::uint64_t row = window * size; row < (window + 1) * size; ++row)
      if (bins_[row] < bins) ++counts[bins_[row]];
    const auto [value, degrees] = statistic(counts);
    if (degrees > 0) ratios.push_back(value / chi_square_exceeded(0.5, degrees));
  }
  double inflation = 1;
  if (!ratios.empty()) {
    std::sort(ratios.begin(), ratios.end());
    const std::size_t n = ratios.size();
    inflation = std::max(1.0, ratios[(n - 1) / 2] + (ratios[n / 2] - ratios[(n - 1) / 2]) / 2);
  }
  known_.emplace(size, inflation);
  return inflation;
}

bool BaselineOrder::read(ByteReader& in) {
  bins_ = in.array<std::uint16_t>();
  known_.clear();
  if (bins_.size() > most_rows) in.fail();
  return in.good();
}

}  // namespace tidewatch
