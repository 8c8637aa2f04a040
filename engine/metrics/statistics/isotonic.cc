// See isotonic.h.
#include "metrics/statistics/isotonic.h"

#include <algorithm>
#include <cmath>

namespace tidewatch {

void IsotonicFit::add(double score, bool is_positive) {
  Counts& counts = seen_[score + 0.0];
  ++counts.n;
  counts.positives += is_positive;
  ++labelled_;
}

void IsotonicFit::fit() {
  struct Step {
    double first, last;
    Counts counts;
  };
  std::vector<Step> steps;
  for (const auto& [score, counts] : seen_) {
    steps.push_back({score, score, counts});
    // A step that does not rise above the one before it becomes part of it; shares are compared as whole numbers.
    while (steps.size() > 1) {
      const Step& last = steps.back();
      Step& before = steps[steps.size() - 2];
      if (before.counts.positives * last.counts.n < last.counts.positives * before.counts.n) break;
      before.last = last.last;
      before.counts.n += last.counts.n;
      before.counts.positives += last.counts.positives;
      steps.pop_back();
    }
  }
  seen_.clear();
  knots_.clear();
  for (const Step& step : steps) {
    const double share = static_cast<double>(step.counts.positives) / static_cast<double>(step.counts.n);
    knots_.push_back({step.first, share});
    if (step.last > step.first) knots_.push_back({step.last, share});
  }
}

std::uint64_t IsotonicFit::operator()(double score) const {
  if (knots_.empty()) return 0;
  const auto above = std::upper_bound(knots_.begin(), knots_.end(), score,
                                      [](double value, const Knot& knot) { return value < knot.score; });
  double probability;
  if (above == knots_.begin()) {
    probability = knots_.front().probability;
  } else if (above == knots_.end()) {
    probability = knots_.back().probability;
  } else {
    const Knot &low = *(above - 1), &high = *above;
    // Halves first: the gap of two doubles may be beyond the largest.
    const double part = (score / 2 - low.score / 2) / (high.score / 2 - low.score / 2);
    probability = low.probability + (high.probability - low.probability) * std::clamp(part, 0.0, 1.0);
  }
  return static_cast<std::uint64_t>(std::llround(std::clamp(probability, 0.0, 1.0) * static_cast<double>(unit)));
}

void IsotonicFit::write(ByteWriter& out) const {
  out.put(labelled_);
  out.put(static_cast<std::uint64_t>(knots_.size()));
  for (const Knot& knot : knots_) {
    out.put(knot.score);
    out.put(knot.probability);
  }
}

bool IsotonicFit::read(ByteReader& in) {
  seen_.clear();
  knots_.clear();
  labelled_ = in.get<std::uint64_t>();
  for (std::size_t i = in.count(16); i > 0 && in.good(); --i) {
    const double score = in.get<double>(), probability = in.get<double>();
    const bool rises = knots_.empty() || (knots_.back().score < score && knots_.back().probability <= probability);
    if (!std::isfinite(score) || !(probability >= 0 && probability <= 1) || !rises) in.fail();
    knots_.push_back({score, probability});
  }
  return in.good();
}

}  // namespace tidewatch
