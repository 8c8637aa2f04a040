// See inflation.h.
#include "metrics/families/inflation.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "metrics/families/null_quantiles.h"
#include "metrics/statistics/value_hash.h"

namespace tidewatch {
namespace {

std::uint64_t bits_of(std::uint16_t bin) { return bin; }
std::uint64_t bits_of(double value) { return std::bit_cast<std::uint64_t>(value); }

// The values by time; of one instant by a hash of the value and how many times it was there, which knows no arrival.
template <typename Value>
std::vector<Value> in_order(std::vector<std::pair<Instant, Value>> rows) {
  std::sort(rows.begin(), rows.end());
  std::vector<Value> out;
  out.reserve(std::min(rows.size(), BaselineOrder::most_rows));
  std::vector<std::pair<std::uint64_t, Value>> together;
  for (std::size_t from = 0, to = 0; from < rows.size() && out.size() < BaselineOrder::most_rows; from = to) {
    together.clear();
    std::uint64_t times = 0;
    for (; to < rows.size() && rows[to].first == rows[from].first; ++to) {
      const Value value = rows[to].second;
      times = to > from && value == rows[to - 1].second ? times + 1 : 0;
      together.emplace_back(mix64(mix64(bits_of(value)) + times), value);
    }
    std::sort(together.begin(), together.end());
    for (const auto& [hash, value] : together)
      if (out.size() < BaselineOrder::most_rows) out.push_back(value);
  }
  return out;
}

}  // namespace

std::optional<double> KnownInflation::of(std::uint64_t size, std::size_t rows, const Ratio& ratio, double upper) const {
  if (size == 0) return std::nullopt;
  if (const auto spare = static_cast<int>(std::bit_width(size)) - 4; spare > 0) size = size >> spare << spare;
  const std::uint64_t windows = rows / size;
  if (windows < least_windows) return std::nullopt;
  if (const auto found = by_size_.find(size); found != by_size_.end()) return found->second;
  std::vector<double> ratios;
  for (std::uint64_t window = 0; window < windows; ++window)
    if (const double one = ratio(window * size, (window + 1) * size); one >= 0) ratios.push_back(one);
  double inflation = 1;
  if (!ratios.empty()) {
    std::sort(ratios.begin(), ratios.end());
    const std::size_t n = ratios.size();
    inflation = std::max(1.0, ratios[(n - 1) / 2] + (ratios[n / 2] - ratios[(n - 1) / 2]) / 2);
    if (upper > 0) {
      const double rank = 0.9 * static_cast<double>(n - 1);
      const auto below = static_cast<std::size_t>(rank);
      const double above = ratios[std::min(below + 1, n - 1)] - ratios[below];
      inflation = std::max(inflation, (ratios[below] + above * (rank - static_cast<double>(below))) / upper);
    }
  }
  by_size_.emplace(size, inflation);
  return inflation;
}

void BaselineOrder::take(std::vector<std::pair<Instant, std::uint16_t>> rows) {
  bins_ = in_order(std::move(rows));
  known_.clear();
}

std::optional<double> BaselineOrder::inflation(std::uint64_t size, std::size_t bins, const Statistic& statistic) const {
  std::vector<std::uint64_t> counts;
  return known_.of(size, bins_.size(), [&](std::size_t from, std::size_t to) {
    counts.assign(bins, 0);
    for (std::size_t row = from; row < to; ++row)
      if (bins_[row] < bins) ++counts[bins_[row]];
    const auto [value, degrees] = statistic(counts);
    return degrees > 0 ? value / chi_square_exceeded(0.5, degrees) : -1;
  });
}

bool BaselineOrder::read(ByteReader& in) {
  bins_ = in.array<std::uint16_t>();
  known_.clear();
  if (bins_.size() > most_rows) in.fail();
  return in.good();
}

void BaselineValues::take(std::vector<std::pair<Instant, double>> rows) {
  values_ = in_order(std::move(rows));
  known_.clear();
}

std::optional<double> BaselineValues::inflation(std::uint64_t size, std::span<const double> reference,
                                                std::uint64_t all) const {
  if (reference.empty() || all == 0) return std::nullopt;
  const double middle = kolmogorov_exceeded(0.5), upper = kolmogorov_exceeded(0.1) / middle;
  const auto share_of = [&](auto at) {
    return static_cast<double>(at - reference.begin()) / static_cast<double>(reference.size());
  };
  std::vector<double> window;
  const auto ratio = [&](std::size_t begin, std::size_t end) {
    window.assign(values_.begin() + static_cast<std::ptrdiff_t>(begin),
                  values_.begin() + static_cast<std::ptrdiff_t>(end));
    std::sort(window.begin(), window.end());
    const auto n = static_cast<double>(window.size());
    // Between two values of the window its share stands still, so the gap is widest beside one of them.
    double most = 0;
    for (std::size_t from = 0, to = 0; from < window.size(); from = to) {
      while (to < window.size() && window[to] == window[from]) ++to;
      const auto [low, high] = std::equal_range(reference.begin(), reference.end(), window[from]);
      most = std::max({most, std::fabs(share_of(low) - static_cast<double>(from) / n),
                       std::fabs(share_of(high) - static_cast<double>(to) / n)});
    }
    // The window is a part of the whole it is compared with, which makes it nearer than a stranger.
    const double spread = 1 / n - 1 / static_cast<double>(all);
    return spread > 0 ? most * most / spread / (middle * middle) : -1;
  };
  return known_.of(size, values_.size(), ratio, upper * upper);
}

bool BaselineValues::read(ByteReader& in) {
  values_ = in.array<double>();
  known_.clear();
  if (values_.size() > BaselineOrder::most_rows) in.fail();
  for (const double value : values_)
    if (!std::isfinite(value)) in.fail();
  return in.good();
}

}  // namespace tidewatch
