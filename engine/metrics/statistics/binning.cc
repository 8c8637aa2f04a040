// Cutting a reference. Source of the quantile rule: numpy.quantile's default (linear at rank q(n-1)).
#include "metrics/statistics/binning.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tidewatch {

namespace {

double linear_quantile(const std::vector<double>& sorted, double q) {
  const double rank = q * static_cast<double>(sorted.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(rank), sorted.size() - 1);
  if (below + 1 == sorted.size()) return sorted[below];
  const double part = rank - static_cast<double>(below), low = sorted[below], high = sorted[below + 1];
  const double step = high - low;
  if (!std::isfinite(step)) return low * (1 - part) + high * part;
  return part < 0.5 ? low + step * part : high - step * (1 - part);
}

void keep_distinct(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

bool ascending_finite(const std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]) || (i && !(values[i - 1] < values[i]))) return false;
  return true;
}

}  // namespace

Result<BinRule> parse_bin_rule(std::string_view bins, bool point_masses) {
  BinRule rule;
  rule.has_point_masses = point_masses;
  if (bins.empty()) return rule;
  const Error bad = invalid(
      "bins: expected a whole number from 2 to 50, inner edges such as \"0.1,0.2\", or \"equal_width 10\", got \"" +
      std::string(bins) + "\"");
  std::string_view rest = bins;
  constexpr std::string_view prefix = "equal_width ";
  if (rest.substr(0, prefix.size()) == prefix) {
    rule.is_equal_width = true;
    rest.remove_prefix(prefix.size());
  }
  if (!rule.is_equal_width && (rest.find(',') != rest.npos || rest.find('.') != rest.npos)) {
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      std::string_view item = rest.substr(0, comma);
      while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
      while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
      double edge = 0;
      const auto [end, code] = std::from_chars(item.data(), item.data() + item.size(), edge);
      if (code != std::errc() || end != item.data() + item.size() || !std::isfinite(edge)) return bad;
      rule.edges.push_back(edge);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    keep_distinct(rule.edges);
    if (rule.edges.empty() || rule.edges.size() > 49) return bad;
    return rule;
  }
  const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), rule.count);
  if (code != std::errc() || end != rest.data() + rest.size() || rule.count < 2 || rule.count > 50) return bad;
  return rule;
}

NumberBins NumberBins::cut(std::vector<double> values, BinRule rule) {
  NumberBins bins;
  if (!rule.edges.empty()) {
    bins.edges_ = std::move(rule.edges);
    return bins;
  }
  for (double& value : values) value += 0.0;  // -0 is 0
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  std::vector<double> different = values;
  keep_distinct(different);
  if (rule.has_point_masses && !rule.is_equal_width && different.size() <= rule.count) {
    bins.masses_ = std::move(different);  // and one rest bin, (-inf, +inf): the others
    return bins;
  }
  const std::size_t count = std::max<std::size_t>(1, std::min(rule.count, n / 10));
  if (rule.is_equal_width) {
    const double low = values.front(), width = (values.back() - low) / static_cast<double>(count);
    for (std::size_t i = 1; i < count; ++i) bins.edges_.push_back(low + static_cast<double>(i) * width);
    keep_distinct(bins.edges_);
    if (!ascending_finite(bins.edges_)) bins.edges_.clear();
    return bins;
  }
  std::vector<double> rest;
  for (std::size_t from = 0; from < n;) {
    std::size_t to = from;
    while (to < n && values[to] == values[from]) ++to;
    if (rule.has_point_masses && (to - from) * count >= n)
      bins.masses_.push_back(values[from]);
    else
      rest.insert(rest.end(), values.begin() + static_cast<std::ptrdiff_t>(from),
                  values.begin() + static_cast<std::ptrdiff_t>(to));
    from = to;
  }
  const std::size_t parts = std::max<std::size_t>(1, count * rest.size() / n);
  for (std::size_t i = 1; i < parts && !rest.empty(); ++i)
    bins.edges_.push_back(linear_quantile(rest, static_cast<double>(i) / static_cast<double>(parts)));
  keep_distinct(bins.edges_);
  return bins;
}

std::size_t NumberBins::of(double value) const {
  if (!masses_.empty()) {
    const auto at = std::lower_bound(masses_.begin(), masses_.end(), value);
    if (at != masses_.end() && *at == value) return static_cast<std::size_t>(at - masses_.begin());
  }
  // How many edges are at or below the value, halving without a branch: where a value falls cannot be foretold.
  const double* at = edges_.data();
  std::size_t left = edges_.size();
  for (; left > 1; left -= left / 2) at += static_cast<std::size_t>(at[left / 2 - 1] <= value) * (left / 2);
  return masses_.size() + static_cast<std::size_t>(at - edges_.data()) + (left == 1 && *at <= value);
}

void NumberBins::write(ByteWriter& out) const {
  out.array(masses_);
  out.array(edges_);
}

bool NumberBins::read(ByteReader& in) {
  masses_ = in.array<double>();
  edges_ = in.array<double>();
  if (!ascending_finite(masses_) || !ascending_finite(edges_) || size() > 200) in.fail();
  return in.good();
}

TextBins TextBins::cut(const std::map<std::string, std::uint64_t>& counts) {
  std::vector<std::pair<std::string_view, std::uint64_t>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  TextBins bins;
  bins.kept_ = std::min<std::size_t>(49, order.size());
  for (std::size_t i = 0; i < order.size(); ++i) bins.bin_.emplace(order[i].first, std::min(i, bins.kept_));
  return bins;
}

std::size_t TextBins::of(std::string_view text) const {
  const auto found = bin_.find(text);
  return found == bin_.end() ? kept_ + 1 : found->second;
}

void TextBins::write(ByteWriter& out) const {
  const std::map<std::string_view, std::size_t> order(bin_.begin(), bin_.end());
  out.put(static_cast<std::uint64_t>(kept_));
  out.put(static_cast<std::uint64_t>(order.size()));
  for (const auto& [text, bin] : order) {
    out.text(text);
    out.put(static_cast<std::uint32_t>(bin));
  }
}

bool TextBins::read(ByteReader& in) {
  *this = TextBins();
  const auto kept = in.get<std::uint64_t>();
  if (kept > 49) in.fail();
  kept_ = in.good() ? kept : 0;
  const std::size_t size = in.count(8);
  for (std::size_t i = 0; i < size && in.good(); ++i) {
    std::string text = in.text();
    const auto bin = in.get<std::uint32_t>();
    if (bin > kept_) in.fail();
    if (in.good()) bin_.emplace(std::move(text), bin);
  }
  return in.good();
}

}  // namespace tidewatch
