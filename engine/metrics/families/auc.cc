// auc and average_precision from one state. auc is U / (positives * negatives) with ties counted one half, in whole
// numbers (2U); average precision takes tied scores as one step. Scores are kept in order as the window slides, and a
// read walks over them: a running U would answer at once, and cost more a pair than the walk does. Beyond a million
// pairs scores are counted in 65,536 buckets and `error` bounds what that hides. Interval: Hanley and McNeil,
// Radiology 143 (1982).
#include <algorithm>

#include "metrics/families/family_of.h"
#include "metrics/statistics/score_bucket.h"
#include "metrics/statistics/sorted_values.h"

namespace tidewatch {
namespace {

struct ScoreCount {
  std::uint64_t positives = 0, negatives = 0;
};

struct AucState final : FamilyState {
  Tally tally;
  SortedValues positives, negatives;  // while n <= 1,000,000
  std::vector<ScoreCount> buckets;    // none or 65,536
  void add(double score, bool is_positive) {
    ++tally.n;
    if (buckets.empty())
      (is_positive ? positives : negatives).add(score);
    else
      ++(is_positive ? buckets[score_bucket(score)].positives : buckets[score_bucket(score)].negatives);
    keep_to_limit();
  }
  // One more pair than the limit turns a state over, so its form depends on the set alone.
  void keep_to_limit() {
    if (tally.n <= most_scores || (!buckets.empty() && positives.empty() && negatives.empty())) return;
    buckets.resize(score_buckets);
    for (const double score : positives.in_any_order()) ++buckets[score_bucket(score)].positives;
    for (const double score : negatives.in_any_order()) ++buckets[score_bucket(score)].negatives;
    positives.clear();
    negatives.clear();
  }
  void merge(const AucState& from) {
    tally.merge(from.tally);
    positives.merge(from.positives);
    negatives.merge(from.negatives);
    if (!from.buckets.empty()) buckets.resize(score_buckets);
    for (std::size_t i = 0; i < from.buckets.size(); ++i) {
      buckets[i].positives += from.buckets[i].positives;
      buckets[i].negatives += from.buckets[i].negatives;
    }
    keep_to_limit();
  }
  bool take_out(const AucState& pane) {
    if (!buckets.empty() || !pane.buckets.empty()) return false;
    tally.take_out(pane.tally);
    return positives.take_out(pane.positives) && negatives.take_out(pane.negatives);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    std::vector<double> scratch;
    for (const auto* side : {&positives, &negatives}) out.array(side->in_order(scratch));
    out.put(static_cast<std::uint8_t>(!buckets.empty()));
    for (const ScoreCount& bucket : buckets) {
      out.put(bucket.positives);
      out.put(bucket.negatives);
    }
  }
  bool read(ByteReader& in) {
    tally.read(in);
    for (auto* side : {&positives, &negatives}) {
      std::vector<double> values = in.array<double>();
      for (const double value : values)
        if (!std::isfinite(value)) in.fail();
      side->assign(std::move(values));
    }
    if (in.get<std::uint8_t>() != 0 && in.good()) {
      buckets.resize(score_buckets);
      for (ScoreCount& bucket : buckets) {
        bucket.positives = in.get<std::uint64_t>();
        bucket.negatives = in.get<std::uint64_t>();
      }
    }
    return in.good();
  }
  std::size_t memory_bytes() const override {
    return sizeof *this + positives.heap_bytes() + negatives.heap_bytes() + buckets.capacity() * sizeof(ScoreCount);
  }

  // Counts of equal scores (or of one bucket), ascending.
  template <typename Take>
  void each_step(Take take) const {
    for (const ScoreCount& bucket : buckets)
      if (bucket.positives + bucket.negatives) take(bucket);
    std::vector<double> scratch_up, scratch_down;
    const std::vector<double>&up = positives.in_order(scratch_up), &down = negatives.in_order(scratch_down);
    for (std::size_t i = 0, j = 0; i < up.size() || j < down.size();) {
      const double score = j >= down.size() || (i < up.size() && up[i] <= down[j]) ? up[i] : down[j];
      ScoreCount step;
      for (; i < up.size() && up[i] == score; ++i) ++step.positives;
      for (; j < down.size() && down[j] == score; ++j) ++step.negatives;
      take(step);
    }
  }
};

class Auc final : public FamilyOf<Auc, AucState> {
 public:
  Auc(std::size_t score, std::size_t outcome, PositiveTest test)
      : score_(score), outcome_(outcome), test_(std::move(test)) {}
  void add_one(AucState& state, const Batch& batch, std::uint32_t row) const {
    const Column &scores = batch.columns[score_], &outcomes = batch.columns[outcome_];
    if (scores.null[row] || outcomes.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double score = scores.as_number(row) + 0.0;
    if (!usable(score, state.tally)) return;
    const int outcome = test_(outcomes, row);
    if (outcome < 0) {
      ++state.tally.other;
      return;
    }
    state.add(score, outcome == 1);
  }
  bool take_one(AucState& state, const Batch& batch, std::uint32_t row) const {
    if (!state.buckets.empty()) return false;
    const Column &scores = batch.columns[score_], &outcomes = batch.columns[outcome_];
    const bool is_null = scores.null[row] || outcomes.null[row];
    const double score = is_null ? 0 : scores.as_number(row) + 0.0;
    if (state.tally.take_unused(is_null, score)) return true;
    const int outcome = test_(outcomes, row);
    if (outcome < 0) {
      --state.tally.other;
      return true;
    }
    --state.tally.n;
    return (outcome == 1 ? state.positives : state.negatives).remove(score);
  }
  void read_one(const AucState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "domain");
    std::uint64_t positives = state.positives.size(), negatives = state.negatives.size();
    for (const ScoreCount& bucket : state.buckets) {
      positives += bucket.positives;
      negatives += bucket.negatives;
    }
    if (spec.metric == "average_precision") return average_precision(state, positives, spec, out);
    if (!positives || !negatives)
      return settle(out, spec, std::nullopt, positives ? "no negative in the window" : "no positive in the window");
    std::uint64_t twice = 0, below = 0;  // below 2^63 up to two thousand million pairs
    double hidden = 0;
    if (state.buckets.empty()) {
      twice = twice_u(state);
    } else {
      state.each_step([&](const ScoreCount& step) {
        twice += step.positives * (2 * below + step.negatives);
        below += step.negatives;
        hidden += static_cast<double>(step.positives) * static_cast<double>(step.negatives);
      });
    }
    const auto p = static_cast<double>(positives), n = static_cast<double>(negatives);
    const double area = static_cast<double>(twice) / (2 * p * n);
    settle(out, spec, area);
    if (!state.buckets.empty()) out.error = {ErrorBound::Kind::absolute, hidden / (2 * p * n)};
    if (out.chance) {
      out.chance->kind = Chance::Kind::auc;
      out.chance->n = positives;
      out.chance->m = negatives;
    }
    const double half = 1.959963984540054 * auc_standard_error(area, positives, negatives);
    out.low = std::max(0.0, area - half);
    out.high = std::min(1.0, area + half);
  }
  std::vector<std::size_t> needed_columns() const override { return {score_, outcome_}; }
  bool slides() const override { return true; }
  bool take_out(FamilyState& from, const FamilyState& pane) const override {
    return static_cast<AucState&>(from).take_out(static_cast<const AucState&>(pane));
  }
  std::size_t row_bytes() const override { return 2 * sizeof(double); }  // in its pane, and in the window

 private:
  // 2U: pairs of a positive above a negative twice, tied ones once. The rarer outcome is walked and the other counted
  // past: a branch that cannot be foreseen for each of the rarer, not for each of both.
  static std::uint64_t twice_u(const AucState& state) {
    std::vector<double> scratch_up, scratch_down;
    const std::vector<double>&up = state.positives.in_order(scratch_up), &down = state.negatives.in_order(scratch_down);
    const bool is_up = up.size() <= down.size();
    const std::vector<double>&few = is_up ? up : down, &many = is_up ? down : up;
    const std::size_t all = many.size();
    std::uint64_t sum = 0;  // of each of the few: how many are below it, and how many not above it
    for (std::size_t i = 0, below = 0; i < few.size();) {
      const double score = few[i];
      while (below + 8 <= all && many[below + 7] < score) below += 8;
      while (below < all && many[below] < score) ++below;
      std::size_t up_to = below;
      while (up_to < all && many[up_to] == score) ++up_to;
      for (; i < few.size() && few[i] == score; ++i) sum += below + up_to;
      below = up_to;
    }
    return is_up ? sum : 2 * static_cast<std::uint64_t>(up.size()) * down.size() - sum;
  }
  // Σ (recall step) * precision from the highest score down. In buckets the truth lies between all positives of a
  // bucket coming first and all coming last.
  static void average_precision(const AucState& state, std::uint64_t positives, const MetricSpec& spec, Reading& out) {
    std::vector<ScoreCount> steps;
    state.each_step([&](const ScoreCount& step) { steps.push_back(step); });
    if (!positives) return settle(out, spec, std::nullopt, "no positive in the window");
    double sum = 0, most = 0, least = 0, hits = 0, seen = 0;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      const auto p = static_cast<double>(step->positives), n = static_cast<double>(step->negatives);
      if (p > 0) {
        sum += p * ((hits + p) / (seen + p + n));
        most += p * ((hits + p) / (seen + p));
        least += p * ((hits + 1) / (seen + n + 1));
      }
      hits += p;
      seen += p + n;
    }
    const auto all = static_cast<double>(positives);
    settle(out, spec, sum / all);
    if (!state.buckets.empty()) out.error = {ErrorBound::Kind::absolute, std::max(most - sum, sum - least) / all};
  }
  std::size_t score_, outcome_;
  PositiveTest test_;
};

}  // namespace

FamilyMade make_auc(const FamilyInput& input) {
  auto test = PositiveTest::make(input.spec, input.types[1], input.spec.columns.back());
  if (!test) return test.error();
  return FamilyMade(std::make_unique<Auc>(input.columns[0], input.columns[1], std::move(*test)));
}

}  // namespace tidewatch
