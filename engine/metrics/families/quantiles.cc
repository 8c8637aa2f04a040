// p50 ... p99 and quantile: exact while every pane is small, a bucket sketch beyond. A pane keeps its values up to 128
// (a "N rows" window all of them, a baseline 100,000, `exact` a million) and then only buckets. A merge keeps what its
// parts had, so a window of small panes is exact however many panes it has. Percentiles are never averaged.
#include <algorithm>
#include <functional>
#include <limits>

#include "metrics/families/family_of.h"
#include "metrics/statistics/blocked_values.h"
#include "metrics/statistics/bucket_sketch.h"
#include "metrics/statistics/value_list.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_exact = 1'000'000;

struct QuantileState final : FamilyState {
  Tally tally;
  ValueList values;                      // the exact part
  std::unique_ptr<BucketSketch> sketch;  // panes that outgrew it
  bool is_window = false;                // a merge of panes: keeps what each of them had
  BucketSketch& sketched() {
    if (!sketch) sketch = std::make_unique<BucketSketch>();
    return *sketch;
  }
  void collapse() {
    for (const double kept : values) sketched().add(kept);
    values.clear();
  }
  void merge(const QuantileState& from) {
    tally.merge(from.tally);
    values.append(from.values.begin(), from.values.end());
    if (from.sketch) sketched().merge(*from.sketch);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    out.array(sorted);
    (sketch ? *sketch : BucketSketch()).write(out);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    const std::vector<double> kept = in.array<double>();
    for (const double value : kept)
      if (!std::isfinite(value)) in.fail();
    values.clear();
    values.append(kept.data(), kept.data() + kept.size());
    auto buckets = std::make_unique<BucketSketch>();
    if (!buckets->read(in) || !in.good()) return false;
    if (!buckets->empty()) sketch = std::move(buckets);
    return true;
  }
  std::size_t memory_bytes() const override {
    return sizeof *this + values.heap_bytes() + (sketch ? sizeof *sketch + sketch->memory_bytes() : 0);
  }
};

// "N rows" windows: all values, in order, because they change by one a read.
struct RowQuantileState final : FamilyState {
  Tally tally;
  BlockedValues values;
  void merge(const RowQuantileState& from) {
    tally.merge(from.tally);
    values.add_all(from.values.in_order());
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    values.write(out);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    return values.read(in) && in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this + values.heap_bytes(); }
};

double asked(const MetricSpec& spec) {
  if (spec.metric == "min") return 0;  // of windows of rows
  if (spec.metric == "max") return 1;
  if (spec.metric == "p50") return 0.5;
  if (spec.metric == "p75") return 0.75;
  if (spec.metric == "p90") return 0.9;
  if (spec.metric == "p95") return 0.95;
  if (spec.metric == "p99") return 0.99;
  return spec.q;
}

constexpr const char* nearest = "nearest_rank";

// The place, from 0, of the ceil(q n)-th smallest of n > 0. 0.07 * 100 is above 7 in doubles and is meant as 7.
std::uint64_t nearest_rank(double q, std::uint64_t n) {
  const double place = q * static_cast<double>(n), whole = std::round(place);
  const double ordinal = std::fabs(place - whole) <= 1e-12 * place ? whole : std::ceil(place);
  return static_cast<std::uint64_t>(std::clamp(ordinal, 1.0, static_cast<double>(n))) - 1;
}

// The value at `part`, above 0, of the way from one to the other.
double between(double low, double high, double part) {
  const double step = high - low;
  if (!std::isfinite(step)) return low * (1 - part) + high * part;
  return part < 0.5 ? low + step * part : high - step * (1 - part);
}

class Quantiles final : public FamilyOf<Quantiles, QuantileState> {
 public:
  Quantiles(std::size_t column, std::size_t limit, bool is_exact)
      : column_(column), limit_(limit), is_exact_(is_exact) {}
  std::unique_ptr<FamilyState> make_window() const override {
    auto state = std::make_unique<QuantileState>();
    state->is_window = true;
    return state;
  }
  void merge(FamilyState& into, const FamilyState& from) const override {
    auto& own = static_cast<QuantileState&>(into);
    own.merge(static_cast<const QuantileState&>(from));
    if (!own.is_window && (own.values.size() > limit_ || own.sketch)) own.collapse();
  }
  // A skewed column fills some two hundred buckets, of a list that doubles.
  std::size_t pane_bytes() const override { return state_bytes() + (is_exact_ ? 0 : 4096); }
  bool merges_at_once(const FamilyState& newest_pane) const override {
    return is_exact_ || !static_cast<const QuantileState&>(newest_pane).sketch;  // values, not buckets
  }
  std::size_t row_bytes() const override { return is_exact_ ? 8 : 0; }
  void add_one(QuantileState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double value = column.as_number(row) + 0.0;  // -0 is 0
    if (!usable(value, state.tally)) return;
    ++state.tally.n;
    if (state.sketch) {
      state.sketch->add(value);
    } else {
      state.values.push_back(value);
      if (state.values.size() > limit_) state.collapse();
    }
  }
  void read_one(const QuantileState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    const double q = asked(spec);
    std::optional<double> value;
    if (state.tally.n && !state.sketch) {
      value = exact(state.values, q, spec.method == nearest);
    } else if (state.tally.n) {
      BucketSketch with_values;
      const BucketSketch& all = whole(state, with_values);
      value = all.at_rank(spec.method == nearest
                              ? nearest_rank(q, all.total())
                              : static_cast<std::uint64_t>(std::floor(q * static_cast<double>(all.total() - 1))));
      out.error = {ErrorBound::Kind::relative, all.relative_bound()};
    }
    settle(out, spec, value, "no usable value");
    if (out.chance && value) say_chance(state, q, *value, *out.chance);
    if (is_exact_ && (state.sketch || state.values.size() > most_exact)) {
      out.status = Status::insufficient;
      out.reason = "exact quantiles hold at most 1,000,000 values a window";
    }
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }

 private:
  // The sketch with the values kept beside it; made in `with_values` when there are any.
  static const BucketSketch& whole(const QuantileState& state, BucketSketch& with_values) {
    if (state.values.empty()) return *state.sketch;
    with_values = *state.sketch;
    for (const double kept : state.values) with_values.add(kept);
    return with_values;
  }
  static void say_chance(const QuantileState& state, double q, double value, Chance& chance) {
    chance.kind = Chance::Kind::quantile;
    chance.q = q;
    chance.value = value;
    chance.n = state.tally.n;
    const std::vector<std::uint64_t> ranks = ranks_around(q, chance.n);
    std::vector<double> at;
    if (state.sketch) {
      BucketSketch with_values;
      const BucketSketch& all = whole(state, with_values);
      at = all.at_ranks(ranks);
    } else {
      std::vector<double> sorted(state.values.begin(), state.values.end());
      std::sort(sorted.begin(), sorted.end());
      for (const std::uint64_t rank : ranks) at.push_back(sorted[rank]);
    }
    for (std::size_t i = 0; i < ranks.size(); ++i) chance.ranks.emplace_back(ranks[i], at[i]);
  }
  // Linear between the two values around rank q(n-1): numpy.quantile's default. Or the value of the nearest rank.
  static double exact(const ValueList& kept, double q, bool is_nearest) {
    static thread_local std::vector<double> values;  // room that is kept between reads, never what is in it
    values.assign(kept.begin(), kept.end());
    const double rank =
        is_nearest ? static_cast<double>(nearest_rank(q, values.size())) : q * static_cast<double>(values.size() - 1);
    const auto below = std::min(static_cast<std::size_t>(rank), values.size() - 1);
    const double part = rank - static_cast<double>(below);
    double low = 0, high = 0;
    const std::size_t above = values.size() - below;
    if (above <= 2) {
      high = std::numeric_limits<double>::lowest();
      low = high;
      for (const double value : values) {  // the two largest, without a branch
        low = std::max(low, std::min(high, value));
        high = std::max(high, value);
      }
      if (above == 1) low = high;
    } else if (above <= std::min<std::size_t>(16, values.size() / 4)) {
      // A high quantile: few values stand above it, and nearly every value is seen to be below those at once.
      const auto past = values.begin() + static_cast<std::ptrdiff_t>(above);
      std::partial_sort(values.begin(), past, values.end(), std::greater<>());
      low = past[-1];
      high = past[-2];
    } else {
      const auto at = values.begin() + static_cast<std::ptrdiff_t>(below);
      std::nth_element(values.begin(), at, values.end());
      low = high = *at;
      if (part > 0) high = *std::min_element(at + 1, values.end());
    }
    return part <= 0 || above == 1 ? low : between(low, high, part);
  }
  std::size_t column_, limit_;
  bool is_exact_;
};

class RowQuantiles final : public FamilyOf<RowQuantiles, RowQuantileState> {
 public:
  explicit RowQuantiles(std::size_t column) : column_(column) {}
  void add_one(RowQuantileState& state, const Batch& batch, std::uint32_t row) const {
    add(state, batch, std::span(&row, 1));
  }
  void add(FamilyState& state, const Batch& batch, std::span<const std::uint32_t> rows) const override {
    auto& own = static_cast<RowQuantileState&>(state);
    const Column& column = batch.columns[column_];
    std::vector<double> values;
    values.reserve(rows.size());
    for (const std::uint32_t row : rows) {
      if (column.null[row]) {
        ++own.tally.nulls;
        continue;
      }
      const double value = column.as_number(row) + 0.0;
      if (usable(value, own.tally)) values.push_back(value);
    }
    own.tally.n += values.size();
    own.values.add_all(std::move(values));
  }
  bool take_one(RowQuantileState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    const bool is_null = column.null[row] != 0;
    const double value = is_null ? 0 : column.as_number(row) + 0.0;
    if (state.tally.take_unused(is_null, value)) return true;
    --state.tally.n;
    return state.values.remove(value);
  }
  void read_one(const RowQuantileState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    const double q = asked(spec);
    const std::uint64_t n = state.tally.n;
    std::optional<double> value;
    if (n) {
      const double rank =
          spec.method == nearest ? static_cast<double>(nearest_rank(q, n)) : q * static_cast<double>(n - 1);
      const std::size_t below = std::min<std::size_t>(static_cast<std::size_t>(rank), n - 1);
      const double part = rank - static_cast<double>(below), low = state.values.at(below);
      value = part <= 0 || below + 1 == n ? low : between(low, state.values.at(below + 1), part);
    }
    settle(out, spec, value, "no usable value");
    if (!out.chance || !value) return;
    out.chance->kind = Chance::Kind::quantile;
    out.chance->q = q;
    out.chance->value = *value;
    out.chance->n = n;
    for (const std::uint64_t at : ranks_around(q, n)) out.chance->ranks.emplace_back(at, state.values.at(at));
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }

 private:
  std::size_t column_;
};

}  // namespace

FamilyMade make_quantiles(const FamilyInput& input) {
  const MetricSpec& spec = input.spec;
  if (!(spec.q >= 0 && spec.q <= 1)) return invalid("quantile: expected q from 0 to 1");
  if (!spec.method.empty() && spec.method != nearest)
    return invalid(spec.metric + ": expected method \"nearest_rank\" or none, got \"" + spec.method + "\"");
  std::size_t limit = 128;
  if (spec.window.kind == WindowSpec::Kind::rows && !spec.at_baseline)
    return FamilyMade(std::make_unique<RowQuantiles>(input.columns[0]));
  if (spec.at_baseline) limit = 100'000;
  if (spec.exact) limit = most_exact;
  return FamilyMade(std::make_unique<Quantiles>(input.columns[0], limit, spec.exact));
}

}  // namespace tidewatch
