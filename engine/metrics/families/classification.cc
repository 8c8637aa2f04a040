// accuracy precision recall f1 false_positive_rate false_negative_rate decision_cost, from integer counts. A `number`
// prediction is a score, positive at or above `threshold`; other predictions are classes. Without a positive class
// only accuracy is defined. 0/0 is undefined, never 0.
#include "metrics/families/family_of.h"

namespace tidewatch {
namespace {

struct ConfusionState final : FamilyState {
  using OwnsNothing = void;
  Tally tally;
  std::uint64_t true_positive = 0, false_positive = 0, false_negative = 0, true_negative = 0, correct = 0;
  void merge(const ConfusionState& from) {
    tally.merge(from.tally);
    true_positive += from.true_positive;
    false_positive += from.false_positive;
    false_negative += from.false_negative;
    true_negative += from.true_negative;
    correct += from.correct;
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    for (const auto count : {true_positive, false_positive, false_negative, true_negative, correct}) out.put(count);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    for (auto* count : {&true_positive, &false_positive, &false_negative, &true_negative, &correct})
      *count = in.get<std::uint64_t>();
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this; }
};

class Classification final : public FamilyOf<Classification, ConfusionState> {
 public:
  enum class Mode { score, binary, classes };
  Classification(const FamilyInput& input, Mode mode, PositiveTest predicted, PositiveTest actual)
      : predicted_(input.columns[0]),
        actual_(input.columns[1]),
        mode_(mode),
        threshold_(input.spec.threshold),
        is_positive_predicted_(std::move(predicted)),
        is_positive_(std::move(actual)) {}
  void add_one(ConfusionState& state, const Batch& batch, std::uint32_t row) const {
    const Column &predictions = batch.columns[predicted_], &actuals = batch.columns[actual_];
    if (predictions.null[row] || actuals.null[row]) {
      ++state.tally.nulls;
      return;
    }
    if (mode_ == Mode::classes) {
      if (!predictions.is_text()) {
        const double predicted = predictions.as_number(row), actual = actuals.as_number(row);
        if (!usable(predicted, actual, state.tally)) return;
        state.correct += predicted == actual;
      } else {
        state.correct += predictions.text(row) == actuals.text(row);
      }
      ++state.tally.n;
      return;
    }
    int predicted = 0;
    if (mode_ == Mode::score) {
      const double score = predictions.as_number(row);
      if (!usable(score, state.tally)) return;
      predicted = score >= threshold_;
    } else {
      predicted = is_positive_predicted_(predictions, row);
    }
    const int actual = is_positive_(actuals, row);
    if (predicted < 0 || actual < 0) {
      ++state.tally.other;
      return;
    }
    ++state.tally.n;
    state.true_positive += (predicted & actual);
    state.false_positive += (predicted & (actual ^ 1));
    state.false_negative += ((predicted ^ 1) & actual);
    state.true_negative += ((predicted ^ 1) & (actual ^ 1));
    state.correct += predicted == actual;
  }
  void read_one(const ConfusionState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "domain");
    const std::uint64_t tp = state.true_positive, fp = state.false_positive, fn = state.false_negative,
                        tn = state.true_negative;
    std::uint64_t part = 0, whole = 0;
    std::string_view why = "no usable pair";
    if (spec.metric == "decision_cost") {
      std::optional<double> cost;
      if (state.tally.n) {
        cost = spec.false_positive_cost * static_cast<double>(fp) + spec.false_negative_cost * static_cast<double>(fn);
        if (spec.per_prediction) *cost /= static_cast<double>(state.tally.n);
      }
      settle(out, spec, cost, cost ? "" : why);
      return;
    }
    if (spec.metric == "accuracy") {
      part = state.correct;
      whole = state.tally.n;
    } else if (spec.metric == "precision") {
      part = tp;
      whole = tp + fp;
      why = "nothing was predicted positive";
    } else if (spec.metric == "recall") {
      part = tp;
      whole = tp + fn;
      why = "nothing was positive";
    } else if (spec.metric == "false_positive_rate") {
      part = fp;
      whole = fp + tn;
      why = "nothing was negative";
    } else if (spec.metric == "false_negative_rate") {
      part = fn;
      whole = tp + fn;
      why = "nothing was positive";
    } else if (spec.metric == "f1") {
      part = 2 * tp;
      whole = 2 * tp + fp + fn;
      why = "nothing was positive or predicted positive";
    }
    std::optional<double> value;
    if (whole) value = static_cast<double>(part) / static_cast<double>(whole);
    settle(out, spec, value, value ? "" : why);
    if (spec.metric != "f1") set_wilson(out, part, whole);
  }
  std::vector<std::size_t> needed_columns() const override { return {predicted_, actual_}; }

 private:
  std::size_t predicted_, actual_;
  Mode mode_;
  double threshold_;
  PositiveTest is_positive_predicted_, is_positive_;
};

}  // namespace

FamilyMade make_classification(const FamilyInput& input) {
  using Mode = Classification::Mode;
  const MetricSpec& spec = input.spec;
  const ColumnType predicted = input.types[0], actual = input.types[1];
  const auto is_text = [](ColumnType type) { return type == ColumnType::string || type == ColumnType::category; };
  Mode mode = Mode::binary;
  if (predicted == ColumnType::number)
    mode = Mode::score;
  else if (spec.metric == "accuracy" && spec.positive.empty() && predicted != ColumnType::boolean &&
           actual != ColumnType::boolean)
    mode = Mode::classes;
  if (mode == Mode::classes && is_text(predicted) != is_text(actual))
    return invalid("accuracy: expected two columns of one kind, got a " + std::string(name_of(predicted)) +
                   " against a " + std::string(name_of(actual)));
  if (mode == Mode::classes)
    return FamilyMade(std::make_unique<Classification>(input, mode, PositiveTest(), PositiveTest()));
  auto test = PositiveTest::make(spec, actual, spec.columns.back());
  if (!test) return test.error();
  PositiveTest predicted_test;
  if (mode == Mode::binary) {
    auto made = PositiveTest::make(spec, predicted, spec.columns.front());
    if (!made) return made.error();
    predicted_test = std::move(*made);
  }
  return FamilyMade(std::make_unique<Classification>(input, mode, std::move(predicted_test), std::move(*test)));
}

}  // namespace tidewatch
