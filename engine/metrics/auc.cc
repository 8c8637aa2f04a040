// Area under the ROC curve: U / (positives * negatives) with ties counted one half, in whole numbers (2U), by sorting
// at read. A running structure would answer in O(1) but must subtract pairs when panes leave; merge and sort keeps the
// one rule of this folder. Interval: Hanley and McNeil, Radiology 143 (1982).
#include <algorithm>

#include "metrics/family_of.h"

namespace tidewatch {
namespace {

struct AucState final : FamilyState {
  Tally tally;
  std::vector<double> positives, negatives;
  void merge(const AucState& from) {
    tally.merge(from.tally);
    positives.insert(positives.end(), from.positives.begin(), from.positives.end());
    negatives.insert(negatives.end(), from.negatives.begin(), from.negatives.end());
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    for (const auto* side : {&positives, &negatives}) {
      std::vector<double> sorted = *side;
      std::sort(sorted.begin(), sorted.end());
      out.array(sorted);
    }
  }
  bool read(ByteReader& in) {
    tally.read(in);
    positives = in.array<double>();
    negatives = in.array<double>();
    for (const auto* side : {&positives, &negatives})
      for (const double value : *side)
        if (!std::isfinite(value)) in.fail();
    return in.good();
  }
  std::size_t memory_bytes() const override {
    return sizeof *this + (positives.capacity() + negatives.capacity()) * sizeof(double);
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
    ++state.tally.n;
    (outcome ? state.positives : state.negatives).push_back(score);
  }
  void read_one(const AucState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "domain");
    std::vector<double> positives = state.positives, negatives = state.negatives;
    if (positives.empty() || negatives.empty()) {
      settle(out, spec, std::nullopt, positives.empty() ? "no positive in the window" : "no negative in the window");
      return;
    }
    std::sort(positives.begin(), positives.end());
    std::sort(negatives.begin(), negatives.end());
    std::uint64_t twice = 0;
    std::size_t below = 0, not_above = 0;
    for (const double score : positives) {
      while (below < negatives.size() && negatives[below] < score) ++below;
      not_above = std::max(not_above, below);
      while (not_above < negatives.size() && negatives[not_above] <= score) ++not_above;
      twice += below + not_above;
    }
    const auto p = static_cast<double>(positives.size()), n = static_cast<double>(negatives.size());
    const double area = static_cast<double>(twice) / (2 * p * n);
    settle(out, spec, area);
    const double q1 = area / (2 - area), q2 = 2 * area * area / (1 + area);
    const double variance = (area * (1 - area) + (p - 1) * (q1 - area * area) + (n - 1) * (q2 - area * area)) / (p * n);
    const double half = 1.959963984540054 * std::sqrt(std::max(0.0, variance));
    out.low = std::max(0.0, area - half);
    out.high = std::min(1.0, area + half);
  }
  std::vector<std::size_t> needed_columns() const override { return {score_, outcome_}; }

 private:
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
