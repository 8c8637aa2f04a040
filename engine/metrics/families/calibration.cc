// Scores as probabilities against outcomes: calibration, ece and mce from equal-width bins; brier and log_loss from one
// exact sum each. Equal-mass bins were left out: ties would be split by the order of rows.
#include <algorithm>
#include <cstdlib>

#include "metrics/families/family_of.h"
#include "metrics/statistics/exact_sum.h"

namespace tidewatch {
namespace {

// Reads (score, positive) of a row; false when the row cannot be used, which has then been counted.
class PairReader {
 public:
  PairReader(std::size_t score, std::size_t outcome, PositiveTest test)
      : score_(score), outcome_(outcome), test_(std::move(test)) {}
  bool operator()(const Batch& batch, std::uint32_t row, Tally& tally, double& score, bool& positive) const {
    const Column &scores = batch.columns[score_], &outcomes = batch.columns[outcome_];
    if (scores.null[row] || outcomes.null[row]) {
      ++tally.nulls;
      return false;
    }
    score = scores.as_number(row);
    if (!usable(score, tally)) return false;
    const int outcome = test_(outcomes, row);
    if (score < 0 || score > 1 || outcome < 0) {
      ++tally.other;
      return false;
    }
    ++tally.n;
    positive = outcome == 1;
    return true;
  }
  std::vector<std::size_t> columns() const { return {score_, outcome_}; }

 private:
  std::size_t score_, outcome_;
  PositiveTest test_;
};

struct ScoreBin {
  std::uint64_t n = 0, positives = 0;
  ExactSum scores;
};

struct CalibrationState final : FamilyState {
  Tally tally;
  std::vector<ScoreBin> bins;
  void merge(const CalibrationState& from) {
    tally.merge(from.tally);
    if (bins.size() < from.bins.size()) bins.resize(from.bins.size());
    for (std::size_t i = 0; i < from.bins.size(); ++i) {
      if (from.bins[i].n == 0) continue;
      bins[i].n += from.bins[i].n;
      bins[i].positives += from.bins[i].positives;
      bins[i].scores.merge(from.bins[i].scores);
    }
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(static_cast<std::uint64_t>(bins.size()));
    for (const ScoreBin& bin : bins) {
      out.put(bin.n);
      out.put(bin.positives);
      bin.scores.write(out);
    }
  }
  bool read(ByteReader& in) {
    tally.read(in);
    bins.resize(in.count(19));
    for (ScoreBin& bin : bins) {
      bin.n = in.get<std::uint64_t>();
      bin.positives = in.get<std::uint64_t>();
      if (!bin.scores.read(in)) return false;
    }
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this + bins.capacity() * sizeof(ScoreBin); }
};

class Calibration final : public FamilyOf<Calibration, CalibrationState> {
 public:
  Calibration(PairReader reader, std::size_t bins) : reader_(std::move(reader)), bins_(bins) {}
  void begin(CalibrationState& state) const { state.bins.resize(bins_); }
  std::size_t pane_bytes() const override { return state_bytes() + bins_ * sizeof(ScoreBin); }
  std::unique_ptr<FamilyState> read_state(ByteReader& in) const override {
    auto state = std::make_unique<CalibrationState>();
    if (!state->read(in) || state->bins.size() != bins_) return nullptr;
    return state;
  }
  void add_one(CalibrationState& state, const Batch& batch, std::uint32_t row) const {
    double score;
    bool positive;
    if (!reader_(batch, row, state.tally, score, positive)) return;
    const auto index = static_cast<std::size_t>(score * static_cast<double>(bins_));
    ScoreBin& bin = state.bins[std::min(index, bins_ - 1)];
    ++bin.n;
    bin.positives += positive;
    bin.scores.add(score);
  }
  void read_one(const CalibrationState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "domain");
    out.bins.clear();
    double mean_gap = 0, worst_gap = 0;
    const auto n = static_cast<double>(state.tally.n), width = 1 / static_cast<double>(bins_);
    for (std::size_t i = 0; i < state.bins.size(); ++i) {
      const ScoreBin& bin = state.bins[i];
      if (bin.n == 0) continue;
      const auto count = static_cast<double>(bin.n);
      const double score = bin.scores.value() / count, share = static_cast<double>(bin.positives) / count;
      out.bins.push_back({static_cast<double>(i) * width, i + 1 == bins_ ? 1 : static_cast<double>(i + 1) * width,
                          bin.n, score, share});
      mean_gap += count / n * std::fabs(score - share);
      worst_gap = std::max(worst_gap, std::fabs(score - share));
    }
    std::optional<double> value;
    if (state.tally.n) value = spec.metric == "mce" ? worst_gap : mean_gap;
    settle(out, spec, value, "no usable pair");
  }
  std::vector<std::size_t> needed_columns() const override { return reader_.columns(); }

 private:
  PairReader reader_;
  std::size_t bins_;
};

struct LossState final : FamilyState {
  Tally tally;
  ExactSum loss;
  OptionalSum squares;  // of the losses, where a rule asks what chance does
  void merge(const LossState& from) {
    tally.merge(from.tally);
    loss.merge(from.loss);
    squares.merge(from.squares);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    loss.write(out);
    squares.write(out);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    return loss.read(in) && squares.read(in);
  }
  std::size_t memory_bytes() const override {
    return sizeof *this - sizeof loss + loss.memory_bytes() + squares.memory_bytes();
  }
};

class ScoreLoss final : public FamilyOf<ScoreLoss, LossState> {
 public:
  ScoreLoss(PairReader reader, bool is_log, bool has_squares)
      : reader_(std::move(reader)), is_log_(is_log), has_squares_(has_squares) {}
  void begin(LossState& state) const {
    if (has_squares_) state.squares.begin();
  }
  void add_one(LossState& state, const Batch& batch, std::uint32_t row) const {
    double score;
    bool positive;
    if (!reader_(batch, row, state.tally, score, positive)) return;
    double loss;
    if (is_log_) {
      const double p = std::clamp(score, 1e-15, 1 - 1e-15);
      loss = positive ? -std::log(p) : -std::log(1 - p);
    } else {
      const double gap = score - (positive ? 1.0 : 0.0);
      loss = gap * gap;
    }
    state.loss.add(loss);
    if (state.squares) (*state.squares).add_product(loss, loss);
  }
  void read_one(const LossState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "domain");
    std::optional<double> value;
    if (state.tally.n) value = state.loss.value() / static_cast<double>(state.tally.n);
    settle(out, spec, value, "no usable pair");
    if (out.chance && state.squares) set_error(out, mean_error(state.tally.n, state.loss, *state.squares));
  }
  std::vector<std::size_t> needed_columns() const override { return reader_.columns(); }

 private:
  PairReader reader_;
  bool is_log_, has_squares_;
};

Result<PairReader> pair_reader(const FamilyInput& input) {
  auto test = PositiveTest::make(input.spec, input.types[1], input.spec.columns.back());
  if (!test) return test.error();
  return PairReader(input.columns[0], input.columns[1], std::move(*test));
}

}  // namespace

FamilyMade make_calibration(const FamilyInput& input) {
  auto reader = pair_reader(input);
  if (!reader) return reader.error();
  std::size_t bins = 10;
  if (!input.spec.bins.empty()) {
    char* end = nullptr;
    const long asked = std::strtol(input.spec.bins.c_str(), &end, 10);
    if (*end || asked < 2 || asked > 50)
      return invalid(input.spec.metric + ": expected bins from 2 to 50, got \"" + input.spec.bins + "\"");
    bins = static_cast<std::size_t>(asked);
  }
  return FamilyMade(std::make_unique<Calibration>(std::move(*reader), bins));
}

FamilyMade make_score_loss(const FamilyInput& input) {
  auto reader = pair_reader(input);
  if (!reader) return reader.error();
  return FamilyMade(
      std::make_unique<ScoreLoss>(std::move(*reader), input.spec.metric == "log_loss", input.spec.is_calibrated));
}

}  // namespace tidewatch
