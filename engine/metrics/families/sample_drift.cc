// ks and wasserstein: the distance of two empirical distributions. A window is kept whole up to 100,000 values and
// compared in one merge walk; beyond, it is counted in a thousand quantile bins of the reference, with the tails as
// exact sums, and `error` bounds what that hides. A reference beyond 100,000 values is kept as 10,001 quantiles.
#include <algorithm>

#include "metrics/families/family_of.h"
#include "metrics/families/inflation.h"
#include "metrics/statistics/exact_sum.h"
#include "metrics/statistics/ks_tail.h"
#include "metrics/statistics/sorted_values.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_values = 100'000, quantiles_kept = 10'001, most_bins = 1'000;

struct SampleState final : FamilyState {
  Tally tally;
  SortedValues values;  // while n <= 100,000
  std::vector<std::uint64_t> counts;
  ExactSum low_tail, high_tail;  // Σ of values below the first and from the last edge on
  bool is_lost = false;          // too many values before the reference was sealed

  void merge(const SampleState& from) {
    tally.merge(from.tally);
    values.merge(from.values);
    if (counts.size() < from.counts.size()) counts.resize(from.counts.size());
    for (std::size_t i = 0; i < from.counts.size(); ++i) counts[i] += from.counts[i];
    low_tail.merge(from.low_tail);
    high_tail.merge(from.high_tail);
    is_lost = is_lost || from.is_lost;
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    std::vector<double> scratch;
    out.array(values.in_order(scratch));
    out.array(counts);
    low_tail.write(out);
    high_tail.write(out);
    out.put(static_cast<std::uint8_t>(is_lost));
  }
  bool read(ByteReader& in) {
    tally.read(in);
    std::vector<double> kept = in.array<double>();
    for (const double value : kept)
      if (!std::isfinite(value)) in.fail();
    values.assign(std::move(kept));
    counts = in.array<std::uint64_t>();
    if (!low_tail.read(in) || !high_tail.read(in)) return false;
    is_lost = in.get<std::uint8_t>() != 0;
    return in.good();
  }
  std::size_t memory_bytes() const override {
    return sizeof *this + values.heap_bytes() + counts.capacity() * 8 + low_tail.memory_bytes() +
           high_tail.memory_bytes();
  }
};

class SampleDrift final : public FamilyOf<SampleDrift, SampleState> {
 public:
  SampleDrift(std::size_t column, bool is_calibrated) : column_(column), is_calibrated_(is_calibrated) {}

  void merge(FamilyState& into, const FamilyState& from) const override {
    auto& own = static_cast<SampleState&>(into);
    own.merge(static_cast<const SampleState&>(from));
    if (own.tally.n > most_values) bin(own);
  }
  void add_one(SampleState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double value = column.as_number(row) + 0.0;
    if (!usable(value, state.tally)) return;
    ++state.tally.n;
    state.values.add(value);
    if (state.tally.n > most_values) bin(state);
  }
  bool take_one(SampleState& state, const Batch& batch, std::uint32_t row) const {
    if (!state.counts.empty() || state.is_lost) return false;
    const Column& column = batch.columns[column_];
    const bool is_null = column.null[row] != 0;
    const double value = is_null ? 0 : column.as_number(row) + 0.0;
    if (state.tally.take_unused(is_null, value)) return true;
    --state.tally.n;
    return state.values.remove(value);
  }
  void read_one(const SampleState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const;
  std::vector<std::size_t> needed_columns() const override { return {column_}; }

  bool slides() const override { return true; }
  bool take_out(FamilyState& from, const FamilyState& pane) const override {
    auto& own = static_cast<SampleState&>(from);
    const auto& other = static_cast<const SampleState&>(pane);
    if (!own.counts.empty() || !other.counts.empty() || own.is_lost || other.is_lost) return false;
    own.tally.take_out(other.tally);
    return own.values.take_out(other.values);
  }
  std::size_t row_bytes() const override { return 2 * sizeof(double); }  // in its pane, and in the window

  bool needs_baseline() const override { return true; }
  void reference_rows(const Batch& batch, std::span<const std::uint32_t> rows) override {
    const Column& column = batch.columns[column_];
    for (const std::uint32_t row : rows) {
      if (column.null[row] || !std::isfinite(column.as_number(row))) continue;
      reference_.push_back(column.as_number(row) + 0.0);
      if (is_calibrated_) reference_order_.emplace_back(batch.time(row), reference_.back());
    }
  }
  void reference_seal() override {
    std::sort(reference_.begin(), reference_.end());
    n_reference_ = reference_.size();
    ExactSum sum, squares;
    bool is_wide = false;
    for (const double value : reference_) {
      is_wide = is_wide || std::fabs(value) >= 1e150;
      if (is_wide) break;
      sum.add(value);
      squares.add_product(value, value);
    }
    deviation_ = 0;
    if (n_reference_ > 1 && !is_wide)
      deviation_ =
          std::sqrt(std::max(0.0, centered(n_reference_, sum, sum, squares)) / static_cast<double>(n_reference_ - 1));
    if (n_reference_ > most_values) {
      std::vector<double> kept;
      for (std::size_t i = 0; i < quantiles_kept; ++i)
        kept.push_back(quantile(reference_, static_cast<double>(i) / (quantiles_kept - 1)));
      reference_ = std::move(kept);
    }
    set_edges();
    order_.take(std::exchange(reference_order_, {}));
    is_sealed_ = true;
  }
  void write_reference(ByteWriter& out) const override {
    out.put(static_cast<std::uint8_t>(is_sealed_));
    out.put(n_reference_);
    out.put(deviation_);
    out.array(reference_);
    if (is_calibrated_) order_.write(out);
  }
  bool read_reference(ByteReader& in) override {
    is_sealed_ = in.get<std::uint8_t>() != 0;
    n_reference_ = in.get<std::uint64_t>();
    deviation_ = in.get<double>();
    reference_ = in.array<double>();
    if (!std::is_sorted(reference_.begin(), reference_.end())) in.fail();
    if (is_calibrated_) order_.read(in);
    if (in.good() && is_sealed_) set_edges();
    return in.good();
  }

 private:
  static double quantile(const std::vector<double>& sorted, double q) {
    const double rank = q * static_cast<double>(sorted.size() - 1);
    const auto below = std::min(static_cast<std::size_t>(rank), sorted.size() - 1);
    const auto above = std::min(below + 1, sorted.size() - 1);
    const double part = rank - static_cast<double>(below);
    return sorted[below] * (1 - part) + sorted[above] * part;
  }
  void set_edges() {
    edges_.clear();
    const std::size_t bins = std::min(most_bins, std::max<std::size_t>(1, reference_.size() / 10));
    for (std::size_t i = 1; i < bins; ++i)
      edges_.push_back(quantile(reference_, static_cast<double>(i) / static_cast<double>(bins)));
    edges_.erase(std::unique(edges_.begin(), edges_.end()), edges_.end());
    if (edges_.empty() && !reference_.empty()) edges_.push_back(reference_.front());
  }
  // Values into counts. One more value than the limit turns a state over, so its form depends on the set alone.
  void bin(SampleState& state) const {
    if (!is_sealed_ || edges_.empty()) {
      state.is_lost = true;
      state.values.clear();
      return;
    }
    state.counts.resize(edges_.size() + 1);
    for (const double value : state.values.in_any_order()) {
      const auto at = static_cast<std::size_t>(std::upper_bound(edges_.begin(), edges_.end(), value) - edges_.begin());
      ++state.counts[at];
      if (at == 0) state.low_tail.add(value);
      if (at == edges_.size()) state.high_tail.add(value);
    }
    state.values.clear();
  }
  struct Distance {
    double ks = 0, area = 0, ks_bound = 0, area_bound = 0;
  };
  Distance walk(const std::vector<double>& values) const;    // ascending
  Distance widest(const std::vector<double>& values) const;  // the same without the area
  Distance by_bins(const SampleState& state) const;

  std::size_t column_;
  bool is_sealed_ = false;
  std::uint64_t n_reference_ = 0;
  double deviation_ = 0;
  std::vector<double> reference_, edges_;  // ascending
  bool is_calibrated_;
  std::vector<std::pair<Instant, double>> reference_order_;  // until sealed
  BaselineValues order_;
};

// Both samples whole: D as the largest |i m - j n|, so that equal gaps are equal bits; the area step by step.
SampleDrift::Distance SampleDrift::walk(const std::vector<double>& values) const {
  const auto n = static_cast<std::int64_t>(values.size()), m = static_cast<std::int64_t>(reference_.size());
  const double whole = static_cast<double>(n) * static_cast<double>(m);
  std::int64_t i = 0, j = 0, most = 0;
  Distance out;
  double before = 0;
  while (i < n || j < m) {
    const double at =
        j >= m || (i < n && values[static_cast<std::size_t>(i)] <= reference_[static_cast<std::size_t>(j)])
            ? values[static_cast<std::size_t>(i)]
            : reference_[static_cast<std::size_t>(j)];
    const std::int64_t gap = std::abs(i * m - j * n);
    if (gap) out.area += static_cast<double>(gap) / whole * (at - before);
    while (i < n && values[static_cast<std::size_t>(i)] == at) ++i;
    while (j < m && reference_[static_cast<std::size_t>(j)] == at) ++j;
    most = std::max(most, std::abs(i * m - j * n));
    before = at;
  }
  out.ks = static_cast<double>(most) / whole;
  return out;
}

// The gap grows one way between two values of the one sample, so it is widest just before or at one of them: the
// smaller sample is walked, the larger counted past, eight at a time.
SampleDrift::Distance SampleDrift::widest(const std::vector<double>& values) const {
  const bool is_shorter = values.size() < reference_.size();
  const std::vector<double>&smaller = is_shorter ? values : reference_, &larger = is_shorter ? reference_ : values;
  const std::size_t all_few = smaller.size(), all_many = larger.size();
  const auto n = static_cast<std::int64_t>(all_few), m = static_cast<std::int64_t>(all_many);
  std::int64_t most = 0;
  std::size_t i = 0, j = 0;
  const auto look = [&] {
    most = std::max(most, std::abs(static_cast<std::int64_t>(i) * m - static_cast<std::int64_t>(j) * n));
  };
  while (i < all_few) {
    const double at = smaller[i];
    while (j + 8 <= all_many && larger[j + 7] < at) j += 8;
    while (j < all_many && larger[j] < at) ++j;
    look();
    while (i < all_few && smaller[i] == at) ++i;
    while (j < all_many && larger[j] == at) ++j;
    look();
  }
  Distance out;
  out.ks = static_cast<double>(most) / (static_cast<double>(n) * static_cast<double>(m));
  return out;
}

SampleDrift::Distance SampleDrift::by_bins(const SampleState& state) const {
  std::vector<std::uint64_t> reference(edges_.size() + 1);
  ExactSum low, high;
  for (const double value : reference_) {
    const auto at = static_cast<std::size_t>(std::upper_bound(edges_.begin(), edges_.end(), value) - edges_.begin());
    ++reference[at];
    if (at == 0) low.add(value);
    if (at == edges_.size()) high.add(value);
  }
  const auto n = static_cast<double>(state.tally.n), m = static_cast<double>(reference_.size());
  Distance out;
  double now = 0, then = 0;  // rows below the edge
  for (std::size_t bin = 0; bin <= edges_.size(); ++bin) {
    const double p = static_cast<double>(reference[bin]) / m, q = static_cast<double>(state.counts[bin]) / n;
    const double left = now / n - then / m;
    now += static_cast<double>(state.counts[bin]);
    then += static_cast<double>(reference[bin]);
    const double right = now / n - then / m;
    out.ks = std::max(out.ks, std::fabs(right));
    out.ks_bound = std::max(out.ks_bound, p);
    if (bin == 0 || bin == edges_.size()) {
      const bool is_low = bin == 0;
      const double edge = is_low ? edges_.front() : edges_.back();
      const double mean_now = std::fabs((is_low ? state.low_tail : state.high_tail).value() / n - edge * q);
      const double mean_then = std::fabs((is_low ? low : high).value() / m - edge * p);
      out.area += std::fabs(mean_now - mean_then);
      out.area_bound += 2 * std::min(mean_now, mean_then);
      continue;
    }
    const double width = edges_[bin] - edges_[bin - 1];
    // |gap| of a line from left to right; where it crosses 0 it is two triangles.
    out.area += width * ((left < 0) == (right < 0) || left == 0 || right == 0
                             ? (std::fabs(left) + std::fabs(right)) / 2
                             : (left * left + right * right) / (2 * (std::fabs(left) + std::fabs(right))));
    out.area_bound += width * std::max(p, q);
  }
  return out;
}

void SampleDrift::read_one(const SampleState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
  state.tally.show(out, "");
  if (!has_reference(out, spec, is_sealed_, n_reference_, state.is_lost)) return;
  if (state.tally.n == 0) return settle(out, spec, std::nullopt, "no usable value");
  const bool is_exact = state.counts.empty();
  std::vector<double> scratch;
  Distance distance;
  if (!is_exact)
    distance = by_bins(state);
  else if (spec.metric == "ks")
    distance = widest(state.values.in_order(scratch));
  else
    distance = walk(state.values.in_order(scratch));
  if (n_reference_ > reference_.size()) distance.ks_bound += 1.0 / (quantiles_kept - 1);
  if (spec.metric == "ks") {
    settle(out, spec, distance.ks);
    out.p_value = ks_tail(state.tally.n, n_reference_, distance.ks);
    if (distance.ks_bound > 0) out.error = {ErrorBound::Kind::absolute, distance.ks_bound};
    if (out.chance) {
      out.chance->kind = Chance::Kind::ks;
      out.chance->n = state.tally.n;
      out.chance->m = n_reference_;
      const auto measured = order_.inflation(state.tally.n, reference_, n_reference_);
      out.chance->inflation = measured.value_or(1);
      out.chance->is_inflation_measured = measured.has_value();
    }
  } else {
    std::optional<double> value = distance.area;
    if (spec.scaled) value = deviation_ > 0 ? std::optional<double>(distance.area / deviation_) : std::nullopt;
    settle(out, spec, value, "the baseline is constant");
    if (distance.area_bound > 0)
      out.error = {ErrorBound::Kind::absolute,
                   spec.scaled && deviation_ > 0 ? distance.area_bound / deviation_ : distance.area_bound};
  }
  doubt_small_reference(out, spec, n_reference_);
}

}  // namespace

FamilyMade make_sample_drift(const FamilyInput& input) {
  if (input.spec.against.empty())
    return invalid(input.spec.metric + ": expected a baseline to compare with: { against = baseline \"train\" }");
  return FamilyMade(std::make_unique<SampleDrift>(input.columns[0], input.spec.is_calibrated));
}

}  // namespace tidewatch
