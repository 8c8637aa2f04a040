// Errors of a number against the truth, on rows that have both: mae rmse bias r2 max_error (one family), mape and wape
// (another: they exclude other rows). Σy², which cancels in r2, enters with its rounding error; the errors themselves
// are one rounded double a row, so every order gives the same bits.
#include <algorithm>

#include "metrics/families/family_of.h"
#include "metrics/statistics/exact_sum.h"

namespace tidewatch {
namespace {

constexpr double second_moment_limit = 1e150;

struct RegressionState final : FamilyState {
  Tally tally;
  ExactSum error, absolute, squared, target, target_squared;
  OptionalSum fourth;  // Σe⁴, for the chance of rmse; e² counts as 1e150 at most
  double worst = 0;
  void merge(const RegressionState& from) {
    tally.merge(from.tally);
    error.merge(from.error);
    absolute.merge(from.absolute);
    squared.merge(from.squared);
    target.merge(from.target);
    target_squared.merge(from.target_squared);
    fourth.merge(from.fourth);
    worst = std::max(worst, from.worst);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    for (const ExactSum* sum : {&error, &absolute, &squared, &target, &target_squared}) sum->write(out);
    fourth.write(out);
    out.put(worst);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    for (ExactSum* sum : {&error, &absolute, &squared, &target, &target_squared}) sum->read(in);
    if (!fourth.read(in)) return false;
    worst = in.get<double>();
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this + fourth.memory_bytes(); }
};

class Regression final : public FamilyOf<Regression, RegressionState> {
 public:
  Regression(std::size_t predicted, std::size_t actual, bool has_fourth, bool needs_worst)
      : predicted_(predicted), actual_(actual), has_fourth_(has_fourth), needs_worst_(needs_worst) {}
  void begin(RegressionState& state) const {
    if (has_fourth_) state.fourth.begin();
  }
  void add_one(RegressionState& state, const Batch& batch, std::uint32_t row) const {
    const Column &predictions = batch.columns[predicted_], &actuals = batch.columns[actual_];
    if (predictions.null[row] || actuals.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double predicted = predictions.as_number(row), actual = actuals.as_number(row);
    if (!usable(predicted, actual, state.tally)) return;
    if (std::fabs(predicted) >= second_moment_limit || std::fabs(actual) >= second_moment_limit) {
      ++state.tally.other;
      return;
    }
    ++state.tally.n;
    const double error = predicted - actual, size = std::fabs(error);
    state.error.add(error);
    state.absolute.add(size);
    state.squared.add(error * error);
    if (state.fourth) {
      const double bounded = std::min(error * error, second_moment_limit);
      (*state.fourth).add_product(bounded, bounded);
    }
    state.target.add(actual);
    state.target_squared.add_product(actual, actual);
    if (size > state.worst) state.worst = size;
  }
  // Who is worst next was not kept.
  bool slides_by_row() const override { return !needs_worst_; }
  bool take_one(RegressionState& state, const Batch& batch, std::uint32_t row) const {
    const Column &predictions = batch.columns[predicted_], &actuals = batch.columns[actual_];
    RegressionState leaving;  // counted as it was when it came
    begin(leaving);
    add_one(leaving, batch, row);
    if (leaving.tally.n == 0) {
      state.tally.take_out(leaving.tally);
      return true;
    }
    state.tally.take_out(leaving.tally);
    const double error = predictions.as_number(row) - actuals.as_number(row), size = std::fabs(error);
    const double actual = actuals.as_number(row);
    state.error.take(error);
    state.absolute.take(size);
    state.squared.take(error * error);
    if (state.fourth) {
      const double bounded = std::min(error * error, second_moment_limit);
      (*state.fourth).take_product(bounded, bounded);
    }
    state.target.take(actual);
    state.target_squared.take_product(actual, actual);
    return true;
  }
  void read_one(const RegressionState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "overflow");
    std::optional<double> value;
    std::string_view why = "no usable pair";
    const auto n = static_cast<double>(state.tally.n);
    if (state.tally.n) {
      if (spec.metric == "mae") value = state.absolute.value() / n;
      if (spec.metric == "bias") value = state.error.value() / n;
      if (spec.metric == "rmse") value = std::sqrt(state.squared.value() / n);
      if (spec.metric == "max_error") value = state.worst;
      if (spec.metric == "r2") {
        const double spread = centered(state.tally.n, state.target, state.target, state.target_squared);
        if (spread > 0)
          value = 1 - state.squared.value() / spread;
        else
          why = "the actual value is constant in the window";
      }
    }
    settle(out, spec, value, value ? "" : why);
    if (out.chance) set_error(out, error_of(state, spec));
  }
  std::vector<std::size_t> needed_columns() const override { return {predicted_, actual_}; }

 private:
  // Of rmse by the delta method: that of the mean square over 2 rmse.
  static double error_of(const RegressionState& state, const MetricSpec& spec) {
    const std::uint64_t n = state.tally.n;
    if (spec.metric == "mae") return mean_error(n, state.absolute, state.squared);
    if (spec.metric == "bias") return mean_error(n, state.error, state.squared);
    if (spec.metric != "rmse" || !state.fourth || n == 0) return -1;
    const double rmse = std::sqrt(state.squared.value() / static_cast<double>(n));
    const double error = mean_error(n, state.squared, *state.fourth);
    return rmse > 0 && error >= 0 ? error / (2 * rmse) : error;
  }
  std::size_t predicted_, actual_;
  bool has_fourth_, needs_worst_;
};

struct RelativeState final : FamilyState {
  Tally tally;
  ExactSum error, target;  // Σ|e|/|y| or Σ|e|; Σ|y|
  void merge(const RelativeState& from) {
    tally.merge(from.tally);
    error.merge(from.error);
    target.merge(from.target);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    error.write(out);
    target.write(out);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    error.read(in);
    target.read(in);
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this; }
};

class RelativeError final : public FamilyOf<RelativeError, RelativeState> {
 public:
  RelativeError(std::size_t predicted, std::size_t actual, bool each)
      : predicted_(predicted), actual_(actual), is_each_(each) {}
  void add_one(RelativeState& state, const Batch& batch, std::uint32_t row) const {
    const Column &predictions = batch.columns[predicted_], &actuals = batch.columns[actual_];
    if (predictions.null[row] || actuals.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double predicted = predictions.as_number(row), actual = actuals.as_number(row);
    if (!usable(predicted, actual, state.tally)) return;
    double error = std::fabs(predicted - actual);
    if (is_each_ && actual == 0) {
      ++state.tally.other;
      return;
    }
    if (is_each_) error /= std::fabs(actual);
    if (!std::isfinite(error)) {  // two finite values whose difference or ratio is not
      ++state.tally.inf;
      return;
    }
    ++state.tally.n;
    state.error.add(error);
    if (!is_each_) state.target.add(std::fabs(actual));
  }
  bool take_one(RelativeState& state, const Batch& batch, std::uint32_t row) const {
    RelativeState leaving;  // of one row, so its sums are its numbers
    add_one(leaving, batch, row);
    state.tally.take_out(leaving.tally);
    state.error.take(leaving.error.value());
    state.target.take(leaving.target.value());
    return true;
  }
  void read_one(const RelativeState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "zero_target");
    std::optional<double> value;
    const double divisor = is_each_ ? static_cast<double>(state.tally.n) : state.target.value();
    if (divisor > 0) value = state.error.value() / divisor;
    settle(out, spec, value, value ? "" : is_each_ ? "no usable pair" : "the actual values sum to 0");
  }
  std::vector<std::size_t> needed_columns() const override { return {predicted_, actual_}; }

 private:
  std::size_t predicted_, actual_;
  bool is_each_;
};

}  // namespace

FamilyMade make_regression(const FamilyInput& input) {
  return FamilyMade(std::make_unique<Regression>(input.columns[0], input.columns[1], input.spec.is_calibrated,
                                                 input.spec.metric == "max_error"));
}
FamilyMade make_relative_error(const FamilyInput& input) {
  return FamilyMade(std::make_unique<RelativeError>(input.columns[0], input.columns[1], input.spec.metric == "mape"));
}

}  // namespace tidewatch
