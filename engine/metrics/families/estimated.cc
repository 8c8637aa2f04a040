// Performance before the labels are there (confidence-based estimation): each score is read as a probability by an
// isotonic fit of the labelled baseline, and the confusion counts and the AUC are those expected of such rows. It knows
// nothing of a changed relation of score and outcome (concept drift): that shows in the realised metric only, which is
// why the catalogue says so. Probabilities are whole units of 2^-30, so sums are exact; products of two sums have 128
// bits. Intervals hold the fit for true and say what the labels' own chance does.
#include <algorithm>

#include "metrics/families/family_of.h"
#include "metrics/statistics/isotonic.h"
#include "metrics/statistics/score_bucket.h"

namespace tidewatch {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr double z95 = 1.959963984540054, unit = static_cast<double>(IsotonicFit::unit);

void put_wide(ByteWriter& out, Wide value) {
  out.put(static_cast<std::uint64_t>(value));
  out.put(static_cast<std::uint64_t>(value >> 64));
}
Wide get_wide(ByteReader& in) {
  const Wide low = in.get<std::uint64_t>();
  return low | static_cast<Wide>(in.get<std::uint64_t>()) << 64;
}

// c(1 - c): the variance of a label, in units of 2^-60.
std::uint64_t doubt(std::uint64_t c) { return c * (IsotonicFit::unit - c); }

void show_interval(Reading& out, double value, double variance) {
  const double half = z95 * std::sqrt(std::max(0.0, variance));
  out.low = std::max(0.0, value - half);
  out.high = std::min(1.0, value + half);
}

// What both families keep of the baseline: the fit, and how a row is read.
template <typename Self, typename State>
class Estimate : public FamilyOf<Self, State> {
 public:
  Estimate(const FamilyInput& input, PositiveTest test)
      : score_(input.columns[0]), outcome_(input.columns[1]), test_(std::move(test)) {}

  std::vector<std::size_t> needed_columns() const override { return {score_}; }
  bool needs_baseline() const override { return true; }
  void reference_rows(const Batch& batch, std::span<const std::uint32_t> rows) override {
    const Column &scores = batch.columns[score_], &outcomes = batch.columns[outcome_];
    for (const std::uint32_t row : rows) {
      if (scores.null[row] || outcomes.null[row] || !std::isfinite(scores.as_number(row))) continue;
      const int outcome = test_(outcomes, row);
      if (outcome >= 0) fit_.add(scores.as_number(row), outcome == 1);
    }
  }
  void reference_seal() override {
    fit_.fit();
    is_sealed_ = true;
  }
  std::string reference_problem() const override {
    return is_sealed_ && fit_.labelled() == 0 ? "no row has both a score and its outcome" : "";
  }
  void write_reference(ByteWriter& out) const override {
    out.put(static_cast<std::uint8_t>(is_sealed_));
    if (is_sealed_) fit_.write(out);
  }
  bool read_reference(ByteReader& in) override {
    is_sealed_ = in.get<std::uint8_t>() != 0;
    return is_sealed_ ? fit_.read(in) : in.good();
  }

 protected:
  // The score of a row that can be used; one that cannot has been counted.
  bool score_of(const Batch& batch, std::uint32_t row, Tally& tally, double& score) const {
    const Column& scores = batch.columns[score_];
    if (scores.null[row]) {
      ++tally.nulls;
      return false;
    }
    score = scores.as_number(row) + 0.0;
    if (!usable(score, tally)) return false;
    ++tally.n;
    return true;
  }
  bool can_read(Reading& out, const MetricSpec& spec, std::uint64_t unfitted) const {
    if (is_sealed_ && fit_.labelled() == 0) {
      settle(out, spec, std::nullopt, "no row of baseline \"" + spec.against + "\" has both a score and its outcome");
      return false;
    }
    return has_reference(out, spec, is_sealed_, fit_.labelled(), unfitted > 0);
  }

  std::size_t score_, outcome_;
  PositiveTest test_;
  IsotonicFit fit_;
  bool is_sealed_ = false;
};

struct ExpectedState final : FamilyState {
  Tally tally;
  std::uint64_t unfitted = 0;  // rows before the baseline was given
  // Of rows predicted positive and of the others: how many, Σc, Σc(1 - c).
  struct Side {
    std::uint64_t rows = 0, sum = 0;
    Wide doubt = 0;
  } yes, no;
  void merge(const ExpectedState& from) {
    tally.merge(from.tally);
    unfitted += from.unfitted;
    for (const auto& [into, side] : {std::pair(&yes, &from.yes), std::pair(&no, &from.no)}) {
      into->rows += side->rows;
      into->sum += side->sum;
      into->doubt += side->doubt;
    }
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(unfitted);
    for (const Side* side : {&yes, &no}) {
      out.put(side->rows);
      out.put(side->sum);
      put_wide(out, side->doubt);
    }
  }
  bool read(ByteReader& in) {
    tally.read(in);
    unfitted = in.get<std::uint64_t>();
    for (Side* side : {&yes, &no}) {
      side->rows = in.get<std::uint64_t>();
      side->sum = in.get<std::uint64_t>();
      side->doubt = get_wide(in);
    }
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this; }
};

class ExpectedCounts final : public Estimate<ExpectedCounts, ExpectedState> {
 public:
  ExpectedCounts(const FamilyInput& input, PositiveTest test)
      : Estimate(input, std::move(test)), threshold_(input.spec.threshold) {}
  void add_one(ExpectedState& state, const Batch& batch, std::uint32_t row) const {
    double score;
    if (!score_of(batch, row, state.tally, score)) return;
    if (!is_sealed_) {
      ++state.unfitted;
      return;
    }
    const std::uint64_t c = fit_(score);
    ExpectedState::Side& side = score >= threshold_ ? state.yes : state.no;
    ++side.rows;
    side.sum += c;
    side.doubt += doubt(c);
  }
  void read_one(const ExpectedState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    if (!can_read(out, spec, state.unfitted)) return;
    constexpr std::uint64_t one = IsotonicFit::unit;
    const std::uint64_t hits = state.yes.sum, positives = state.yes.sum + state.no.sum;
    const std::uint64_t predicted = state.yes.rows * one, all = predicted + state.no.rows * one;
    std::uint64_t part = hits, whole = 0;
    std::string_view why = "no usable score";
    // Derivatives of the value by a label of either side, in its own units.
    double by_yes = 0, by_no = 0;
    const auto p = static_cast<double>(positives), h = static_cast<double>(hits);
    if (spec.metric == "estimated_accuracy") {
      part = hits + (state.no.rows * one - state.no.sum);
      whole = all;
      by_yes = by_no = 1 / static_cast<double>(all);
    } else if (spec.metric == "estimated_precision") {
      whole = predicted;
      if (all) why = "nothing was predicted positive";
      by_yes = 1 / static_cast<double>(predicted);
    } else if (spec.metric == "estimated_recall") {
      whole = positives;
      if (all) why = "nothing is expected to be positive";
      by_yes = (p - h) / (p * p);
      by_no = h / (p * p);
    } else {
      part = 2 * hits;
      whole = predicted + positives;
      if (all) why = "nothing is positive or expected to be";
      const auto w = static_cast<double>(whole);
      by_yes = (2 * w - 2 * h) / (w * w);
      by_no = 2 * h / (w * w);
    }
    if (!whole) return settle(out, spec, std::nullopt, why);
    const double value = static_cast<double>(part) / static_cast<double>(whole);
    settle(out, spec, value);
    show_interval(
        out, value,
        by_yes * by_yes * static_cast<double>(state.yes.doubt) + by_no * by_no * static_cast<double>(state.no.doubt));
    doubt_small_reference(out, spec, fit_.labelled());
  }

 private:
  double threshold_;
};

// Rows of one score, or of one bucket of scores.
struct ScoreStep {
  std::uint64_t rows = 0, sum = 0;
  Wide doubt = 0;
};

struct RankState final : FamilyState {
  Tally tally;
  std::uint64_t unfitted = 0;
  std::vector<double> scores;      // while n <= 1,000,000
  std::vector<ScoreStep> buckets;  // none or 65,536
  void merge(const RankState& from) {
    tally.merge(from.tally);
    unfitted += from.unfitted;
    scores.insert(scores.end(), from.scores.begin(), from.scores.end());
    if (!from.buckets.empty()) buckets.resize(score_buckets);
    for (std::size_t i = 0; i < from.buckets.size(); ++i) {
      buckets[i].rows += from.buckets[i].rows;
      buckets[i].sum += from.buckets[i].sum;
      buckets[i].doubt += from.buckets[i].doubt;
    }
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(unfitted);
    std::vector<double> sorted = scores;
    std::sort(sorted.begin(), sorted.end());
    out.array(sorted);
    out.put(static_cast<std::uint8_t>(!buckets.empty()));
    for (const ScoreStep& bucket : buckets) {
      out.put(bucket.rows);
      out.put(bucket.sum);
      put_wide(out, bucket.doubt);
    }
  }
  bool read(ByteReader& in) {
    tally.read(in);
    unfitted = in.get<std::uint64_t>();
    scores = in.array<double>();
    for (const double score : scores)
      if (!std::isfinite(score)) in.fail();
    if (in.get<std::uint8_t>() != 0 && in.good()) {
      buckets.resize(score_buckets);
      for (ScoreStep& bucket : buckets) {
        bucket.rows = in.get<std::uint64_t>();
        bucket.sum = in.get<std::uint64_t>();
        bucket.doubt = get_wide(in);
      }
    }
    return in.good();
  }
  std::size_t memory_bytes() const override {
    return sizeof *this + scores.capacity() * sizeof(double) + buckets.capacity() * sizeof(ScoreStep);
  }
};

class ExpectedRank final : public Estimate<ExpectedRank, RankState> {
 public:
  bool merges_at_once(const FamilyState&) const override { return true; }
  std::size_t row_bytes() const override { return 8; }
  using Estimate::Estimate;
  void merge(FamilyState& into, const FamilyState& from) const override {
    auto& own = static_cast<RankState&>(into);
    own.merge(static_cast<const RankState&>(from));
    keep_to_limit(own);
  }
  void add_one(RankState& state, const Batch& batch, std::uint32_t row) const {
    double score;
    if (!score_of(batch, row, state.tally, score)) return;
    if (!is_sealed_) {
      ++state.unfitted;
      return;
    }
    state.scores.push_back(score);
    keep_to_limit(state);
  }
  void read_one(const RankState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    if (!can_read(out, spec, state.unfitted)) return;
    const std::vector<ScoreStep> steps = steps_of(state);
    std::uint64_t positives = 0, negatives = 0;
    Wide self = 0, twice = 0;  // self: pairs of a row with itself, which are none
    double hidden = 0;
    for (const ScoreStep& step : steps) {
      const std::uint64_t down = step.rows * IsotonicFit::unit - step.sum;
      twice += 2 * static_cast<Wide>(step.sum) * negatives + static_cast<Wide>(step.sum) * down - step.doubt;
      positives += step.sum;
      negatives += down;
      self += step.doubt;
      hidden += static_cast<double>(static_cast<Wide>(step.sum) * down - step.doubt);
    }
    const Wide pairs = static_cast<Wide>(positives) * negatives - self;
    if (pairs == 0) return settle(out, spec, std::nullopt, steps.empty() ? "no usable score" : "one class is expected");
    const auto whole = static_cast<double>(pairs);
    const double area = static_cast<double>(twice) / (2 * whole);
    settle(out, spec, area);
    if (!state.buckets.empty()) out.error = {ErrorBound::Kind::absolute, hidden / (2 * whole)};
    show_interval(out, area, variance(steps, positives, negatives, whole, area));
    doubt_small_reference(out, spec, fit_.labelled());
  }

 private:
  // Σ c(1 - c) times the square of what one label moves the area by; a row's own part of its step is left in, which
  // widens it by less than one row's weight.
  static double variance(const std::vector<ScoreStep>& steps, std::uint64_t positives, std::uint64_t negatives,
                         double pairs, double area) {
    double sum = 0, below = 0, above = static_cast<double>(positives);
    const double balance = static_cast<double>(negatives) - static_cast<double>(positives);
    for (const ScoreStep& step : steps) {
      const auto up = static_cast<double>(step.sum), down = static_cast<double>(step.rows) * unit - up;
      above -= up;
      const double moved = (below + down / 2 - above - up / 2 - area * balance) / pairs;
      sum += static_cast<double>(step.doubt) * moved * moved;
      below += down;
    }
    return sum;
  }
  // One more row than the limit turns a state over, so its form depends on the set alone.
  void keep_to_limit(RankState& state) const {
    if (state.tally.n <= most_scores || (!state.buckets.empty() && state.scores.empty())) return;
    state.buckets.resize(score_buckets);
    for (const double score : state.scores) {
      ScoreStep& bucket = state.buckets[score_bucket(score)];
      const std::uint64_t c = fit_(score);
      ++bucket.rows;
      bucket.sum += c;
      bucket.doubt += doubt(c);
    }
    state.scores = {};
  }
  std::vector<ScoreStep> steps_of(const RankState& state) const {
    std::vector<ScoreStep> out;
    for (const ScoreStep& bucket : state.buckets)
      if (bucket.rows) out.push_back(bucket);
    std::vector<double> sorted = state.scores;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size();) {
      const std::uint64_t c = fit_(sorted[i]);
      std::size_t end = i;
      while (end < sorted.size() && sorted[end] == sorted[i]) ++end;
      const std::uint64_t rows = end - i;
      out.push_back({rows, rows * c, static_cast<Wide>(rows) * doubt(c)});
      i = end;
    }
    return out;
  }
};

}  // namespace

FamilyMade make_estimate(const FamilyInput& input) {
  if (input.spec.against.empty())
    return invalid(input.spec.metric + ": expected a baseline with labels: { against = baseline \"train\" }");
  auto test = PositiveTest::make(input.spec, input.types[1], input.spec.columns.back());
  if (!test) return test.error();
  if (input.spec.metric == "estimated_auc") return FamilyMade(std::make_unique<ExpectedRank>(input, std::move(*test)));
  return FamilyMade(std::make_unique<ExpectedCounts>(input, std::move(*test)));
}

}  // namespace tidewatch
