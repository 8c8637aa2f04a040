// sum, mean, min, max (one exact sum) and standard_deviation (a second one, of squares; a family of its own so that a
// mean does not pay for it). Welford's update was left out: its bits depend on the order of arrival.
#include <algorithm>

#include "metrics/families/family_of.h"
#include "metrics/statistics/exact_sum.h"

namespace tidewatch {
namespace {

constexpr double second_moment_limit = 1e150;  // squares stay finite

// Calls take(values) with what can be used of the rows, some hundred at a time; the rest is counted.
template <typename Take>
void gather(const Column& column, std::span<const std::uint32_t> rows, double limit, Tally& tally, const Take& take) {
  constexpr std::size_t at_once = 256;
  const auto pass_on = [&](const auto& value_of) {
    double values[at_once];
    for (; !rows.empty(); rows = rows.subspan(std::min(rows.size(), at_once))) {
      std::size_t count = 0;
      for (const std::uint32_t row : rows.first(std::min(rows.size(), at_once))) {
        if (column.null[row]) {
          ++tally.nulls;
          continue;
        }
        const double value = value_of(row) + 0.0;  // -0 and 0 are one value: min and max must not see order
        values[count] = value;
        if (std::fabs(value) < limit) [[likely]]
          ++count;
        else if (usable(value, tally))
          ++tally.other;
      }
      tally.n += count;
      take(std::span<const double>(values, count));
    }
  };
  if (column.type == ColumnType::number)
    pass_on([&](std::uint32_t row) { return column.numbers[row]; });
  else
    pass_on([&](std::uint32_t row) { return column.as_number(row); });
}

struct SumState final : FamilyState {
  Tally tally;
  ExactSum sum;
  double least = HUGE_VAL, most = -HUGE_VAL;
  void merge(const SumState& from) {
    tally.merge(from.tally);
    sum.merge(from.sum);
    least = std::min(least, from.least);
    most = std::max(most, from.most);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    sum.write(out);
    out.put(least);
    out.put(most);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    sum.read(in);
    least = in.get<double>();
    most = in.get<double>();
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this - sizeof sum + sum.memory_bytes(); }
};

class Sums final : public FamilyOf<Sums, SumState> {
 public:
  explicit Sums(std::size_t column) : column_(column) {}
  void add_one(SumState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double value = column.as_number(row) + 0.0;  // -0 and 0 are one value: min and max must not see order
    if (!usable(value, state.tally)) return;
    ++state.tally.n;
    state.sum.add(value);
    if (value < state.least) state.least = value;
    if (value > state.most) state.most = value;
  }
  void add_many(SumState& state, const Batch& batch, std::span<const std::uint32_t> rows) const {
    gather(batch.columns[column_], rows, HUGE_VAL, state.tally, [&](std::span<const double> values) {
      state.sum.add_all(values);
      // Two of each, since one waits for itself.
      double least[2] = {state.least, state.least}, most[2] = {state.most, state.most};
      for (std::size_t i = 0; i + 1 < values.size(); i += 2)
        for (std::size_t k = 0; k < 2; ++k) {
          least[k] = std::min(least[k], values[i + k]);
          most[k] = std::max(most[k], values[i + k]);
        }
      if (values.size() % 2) {
        least[0] = std::min(least[0], values.back());
        most[0] = std::max(most[0], values.back());
      }
      state.least = std::min(least[0], least[1]);
      state.most = std::max(most[0], most[1]);
    });
  }
  bool take_one(SumState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    const bool is_null = column.null[row] != 0;
    const double value = is_null ? 0 : column.as_number(row) + 0.0;
    if (state.tally.take_unused(is_null, value)) return true;
    // least and most stay: windows of rows read min and max elsewhere (families.cc)
    --state.tally.n;
    state.sum.take(value);
    return true;
  }
  void read_one(const SumState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    std::optional<double> value;
    const auto n = static_cast<double>(state.tally.n);
    if (spec.metric == "sum") {
      value = state.sum.value();
    } else if (state.tally.n) {
      if (spec.metric == "mean") {
        value = state.sum.value() / n;
        if (!std::isfinite(*value)) value = wide_mean(state.sum, n);
      } else {
        value = spec.metric == "min" ? state.least : state.most;
      }
    }
    settle(out, spec, value, state.tally.n ? "" : "no usable value");
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }

 private:
  // The mean of a sum beyond the largest double: subtracts the largest double until it fits.
  static double wide_mean(const ExactSum& sum, double n) {
    ExactSum rest = sum;
    double mean = 0;
    const double sign = sum.value() > 0 ? 1.0 : -1.0;
    constexpr double step = 8.98846567431158e307;
    for (int i = 0; i < 4096 && !std::isfinite(rest.value()); ++i) {
      rest.add(-sign * step);
      mean += sign * (step / n);
    }
    return mean + rest.value() / n;
  }
  std::size_t column_;
};

struct MomentState final : FamilyState {
  Tally tally;
  ExactSum sum, squares;
  void merge(const MomentState& from) {
    tally.merge(from.tally);
    sum.merge(from.sum);
    squares.merge(from.squares);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    sum.write(out);
    squares.write(out);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    sum.read(in);
    squares.read(in);
    return in.good();
  }
  std::size_t memory_bytes() const override {
    return sizeof *this - sizeof sum - sizeof squares + sum.memory_bytes() + squares.memory_bytes();
  }
};

class Moments final : public FamilyOf<Moments, MomentState> {
 public:
  explicit Moments(std::size_t column) : column_(column) {}
  void add_one(MomentState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double value = column.as_number(row);
    if (!usable(value, state.tally)) return;
    if (std::fabs(value) >= second_moment_limit) {
      ++state.tally.other;
      return;
    }
    ++state.tally.n;
    state.sum.add(value);
    state.squares.add_product(value, value);
  }
  void add_many(MomentState& state, const Batch& batch, std::span<const std::uint32_t> rows) const {
    gather(batch.columns[column_], rows, second_moment_limit, state.tally, [&](std::span<const double> values) {
      state.sum.add_all(values);
      state.squares.add_squares(values);
    });
  }
  bool take_one(MomentState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    const bool is_null = column.null[row] != 0;
    const double value = is_null ? 0 : column.as_number(row);
    if (state.tally.take_unused(is_null, value)) return true;
    if (std::fabs(value) >= second_moment_limit) {
      --state.tally.other;
      return true;
    }
    --state.tally.n;
    state.sum.take(value);
    state.squares.take_product(value, value);
    return true;
  }
  void read_one(const MomentState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "overflow");
    std::optional<double> value;
    if (spec.metric == "mean") {  // of a rule with false_alarms, which must know the spread as well
      if (state.tally.n) value = state.sum.value() / static_cast<double>(state.tally.n);
      settle(out, spec, value, "no usable value");
      return set_error(out, mean_error(state.tally.n, state.sum, state.squares));
    }
    if (state.tally.n > 1) {
      const double about_mean = centered(state.tally.n, state.sum, state.sum, state.squares);
      value = std::sqrt(std::max(0.0, about_mean) / static_cast<double>(state.tally.n - 1));
    }
    settle(out, spec, value, "one value has no spread");
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }

 private:
  std::size_t column_;
};

}  // namespace

FamilyMade make_sum(const FamilyInput& input) { return FamilyMade(std::make_unique<Sums>(input.columns[0])); }
FamilyMade make_moments(const FamilyInput& input) { return FamilyMade(std::make_unique<Moments>(input.columns[0])); }

}  // namespace tidewatch
