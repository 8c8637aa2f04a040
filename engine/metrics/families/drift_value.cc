// Counts to numbers: see drift_value.h. Every sum runs over the bins in their order, so equal counts are equal bits.
#include "metrics/families/drift_value.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace tidewatch {
namespace {

struct Pair {
  double reference, current;  // rows
};

// Two-sample contingency. Bins where either side expects under 5 rows are pooled: into the next bin, the last into the
// one before it; for categories all of them together. Returns the statistic and its degrees of freedom.
std::pair<double, unsigned> chi_square(const std::vector<Pair>& bins, double n_reference, double n, bool is_text) {
  const double all = n_reference + n;
  const auto is_thin = [&](const Pair& bin) {
    return (bin.reference + bin.current) * std::min(n_reference, n) / all < 5;
  };
  std::vector<Pair> pooled;
  Pair open{0, 0};
  const auto gather = [&](const Pair& bin) {
    open.reference += bin.reference;
    open.current += bin.current;
  };
  for (const Pair& bin : bins) {
    if (is_text) {
      if (is_thin(bin))
        gather(bin);
      else
        pooled.push_back(bin);
      continue;
    }
    gather(bin);
    if (is_thin(open)) continue;
    pooled.push_back(open);
    open = {0, 0};
  }
  if (open.reference + open.current > 0) {
    if (pooled.empty() || (is_text && !is_thin(open))) {
      pooled.push_back(open);
    } else {
      pooled.back().reference += open.reference;
      pooled.back().current += open.current;
    }
  }
  double sum = 0;
  for (const Pair& bin : pooled) {
    const double both = bin.reference + bin.current, expected_reference = both * n_reference / all,
                 expected = both * n / all;
    sum += (bin.reference - expected_reference) * (bin.reference - expected_reference) / expected_reference +
           (bin.current - expected) * (bin.current - expected) / expected;
  }
  return {sum, static_cast<unsigned>(pooled.empty() ? 0 : pooled.size() - 1)};
}

}  // namespace

BinnedDistance binned_distance(const MetricSpec& spec, std::span<const std::uint64_t> reference,
                               std::span<const std::uint64_t> current, bool is_text) {
  std::uint64_t n_reference = 0, n = 0;
  std::size_t kept = 0;  // bins with a row on either side
  const auto now_in = [&](std::size_t i) { return i < current.size() ? current[i] : 0; };
  for (std::size_t i = 0; i < reference.size(); ++i) {
    n_reference += reference[i];
    n += now_in(i);
    kept += reference[i] + now_in(i) > 0;
  }
  const double total_reference = static_cast<double>(n_reference), total = static_cast<double>(n);
  const bool is_raw = spec.metric == "total_variation" || spec.metric == "l_infinity";
  // A zero share makes psi and kl infinite; js and hellinger bear it, and without a floor they are those of scipy.
  const bool has_floor = spec.smoothing_floor && (spec.metric == "psi" || spec.metric == "kl");
  const double half = spec.smoothing_floor || is_raw ? 0 : 0.5, extra = half * static_cast<double>(kept);
  BinnedDistance out;
  out.degrees = static_cast<unsigned>(kept - 1);
  const double scale = 1 / total + 1 / total_reference;
  double& value = out.value;
  // The sum over the bins of what `term` makes of two shares. Read for each window and column, so nothing is allocated.
  const auto add_up = [&](const auto& term) {
    for (std::size_t i = 0; i < reference.size(); ++i) {
      const std::uint64_t then = reference[i], now = now_in(i);
      if (then + now == 0) continue;
      double p = (static_cast<double>(then) + half) / (total_reference + extra);
      double q = (static_cast<double>(now) + half) / (total + extra);
      if (has_floor && then == 0) p = 1e-4;
      if (has_floor && now == 0) q = 1e-4;
      value += term(p, q);
    }
  };
  if (spec.metric == "psi") {
    add_up([](double p, double q) { return (q - p) * std::log(q / p); });
    out.statistic = value / scale;
  } else if (spec.metric == "kl") {
    if (spec.reverse)
      add_up([](double p, double q) { return p * std::log(p / q); });
    else
      add_up([](double p, double q) { return q * std::log(q / p); });
    out.statistic = 2 * value / scale;
  } else if (spec.metric == "js") {
    const auto half_of = [](double share, double m) { return share > 0 ? share * std::log2(share / m) / 2 : 0.0; };
    add_up([&](double p, double q) {
      value += half_of(p, (p + q) / 2);
      return half_of(q, (p + q) / 2);
    });
    value = std::clamp(value, 0.0, 1.0);
    out.statistic = value * 8 * std::log(2.0) / scale;
    value = std::sqrt(value);
  } else if (spec.metric == "hellinger") {
    // 1 - Σ√(pq) = ½Σ(√p - √q)², which does not cancel.
    add_up([](double p, double q) { return (std::sqrt(p) - std::sqrt(q)) * (std::sqrt(p) - std::sqrt(q)) / 2; });
    value = std::clamp(value, 0.0, 1.0);
    out.statistic = value * 8 / scale;
    value = std::sqrt(value);
  } else if (spec.metric == "total_variation") {
    add_up([](double p, double q) { return std::fabs(p - q) / 2; });
  } else if (spec.metric == "l_infinity") {
    add_up([&](double p, double q) {
      value = std::max(value, std::fabs(p - q));
      return 0.0;
    });
  } else {
    std::vector<Pair> raw;
    raw.reserve(kept);
    for (std::size_t i = 0; i < reference.size(); ++i)
      if (reference[i] + now_in(i)) raw.push_back({static_cast<double>(reference[i]), static_cast<double>(now_in(i))});
    std::tie(out.statistic, out.degrees) = chi_square(raw, total_reference, total, is_text);
    value = out.statistic;
  }
  return out;
}

void say_chance(const MetricSpec& spec, std::uint64_t n, std::uint64_t n_reference, unsigned degrees, Chance& chance) {
  chance.kind = spec.metric == "psi"         ? Chance::Kind::psi
                : spec.metric == "kl"        ? Chance::Kind::kl
                : spec.metric == "js"        ? Chance::Kind::js
                : spec.metric == "hellinger" ? Chance::Kind::hellinger
                : spec.metric == "chi2"      ? Chance::Kind::chi_square
                                             : Chance::Kind::none;
  chance.n = n;
  chance.m = n_reference;
  chance.degrees = degrees;
}

void read_binned(const std::vector<std::uint64_t>& reference, const std::vector<std::uint64_t>& current,
                 const MetricSpec& spec, bool is_text, Reading& out) {
  std::uint64_t n = 0, n_reference = 0;
  for (const auto count : current) n += count;
  for (const auto count : reference) n_reference += count;
  if (n == 0) return settle(out, spec, std::nullopt, "no usable value");
  const BinnedDistance distance = binned_distance(spec, reference, current, is_text);
  settle(out, spec, distance.value);
  if (distance.statistic >= 0) out.p_value = chi_square_tail(distance.statistic, distance.degrees);
  if (out.chance) say_chance(spec, n, n_reference, distance.degrees, *out.chance);
}

}  // namespace tidewatch
