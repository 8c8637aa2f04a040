// See baseline_windows.h.
#include "metrics/baseline_windows.h"

#include <algorithm>

#include "metrics/chance.h"
#include "metrics/families/null_quantiles.h"

namespace tidewatch {
namespace {

Duration length_of(const WindowSpec& window) {
  using Unit = WindowSpec::Unit;
  switch (window.kind) {
    case WindowSpec::Kind::sliding:
      return window.over;
    case WindowSpec::Kind::business_days:
      return days(static_cast<std::int64_t>(window.count)) * 7 / 5;
    case WindowSpec::Kind::calendar:
      return days(window.unit == Unit::day       ? 1
                  : window.unit == Unit::week    ? 7
                  : window.unit == Unit::month   ? 30
                  : window.unit == Unit::quarter ? 91
                                                 : 365);
    default:
      return {0};
  }
}

}  // namespace

std::unique_ptr<BaselineWindows> BaselineWindows::make(const WindowSpec& window, const Family& family) {
  const Duration length = length_of(window);
  if (length.ns <= 0 || family.is_sequential()) return nullptr;
  return std::make_unique<BaselineWindows>(length);
}

void BaselineWindows::add(const Family& family, const Batch& batch, std::span<const std::uint32_t> rows) {
  for (std::size_t from = 0, to = 0; from < rows.size(); from = to) {
    const auto which = [&](std::size_t row) {
      const std::int64_t ns = batch.time(rows[row]).ns;
      return ns / length_.ns - (ns % length_.ns < 0);
    };
    const std::int64_t window = which(from);
    while (++to < rows.size() && which(to) == window) continue;
    const bool is_full = windows_.size() >= most_windows;
    if (is_full && window > windows_.rbegin()->first) continue;
    const auto [place, is_new] = windows_.try_emplace(window);
    if (is_new) {
      place->second = family.make();
      if (is_full) windows_.erase(std::prev(windows_.end()));
    }
    family.add(*place->second, batch, rows.subspan(from, to - from));
  }
}

std::optional<double> BaselineWindows::inflation(const Family& family, const MetricSpec& spec,
                                                 const Reading& whole) const {
  if (!whole.value) return std::nullopt;
  std::vector<double> strayed;
  for (const auto& [window, state] : windows_) {
    Reading one;
    one.chance = std::make_shared<Chance>();
    family.read(*state, spec, {}, one);
    if (one.status != Status::ok || !one.value || one.n >= whole.n) continue;
    const double error = standard_error_of(*one.chance, *one.value), gap = *one.value - *whole.value;
    // The window is a part of the whole it is compared with, which makes it nearer than a stranger.
    const double apart = 1 - static_cast<double>(one.n) / static_cast<double>(whole.n);
    if (error > 0) strayed.push_back(gap * gap / (error * error) / apart);
  }
  if (strayed.size() < least_windows) return std::nullopt;
  std::sort(strayed.begin(), strayed.end());
  const std::size_t n = strayed.size();
  const double middle = strayed[(n - 1) / 2] + (strayed[n / 2] - strayed[(n - 1) / 2]) / 2;
  return std::max(1.0, middle / chi_square_exceeded(0.5, 1));
}

}  // namespace tidewatch
