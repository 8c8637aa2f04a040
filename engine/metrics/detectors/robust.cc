// Scores against a median: mad looks at the values just before, seasonal at the same slot of the periods before. The
// scale is 1.4826 times the median absolute deviation, a standard deviation for normal values (Rousseeuw & Croux 1993),
// and where more than half the values are equal 1.2533 times the mean absolute deviation.
#include <algorithm>
#include <cmath>
#include <deque>

#include "metrics/detectors/detector.h"

namespace tidewatch {
namespace {

double median_of(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  // Halves apart: a sum of two large values may be no number.
  return n % 2 ? values[n / 2] : values[n / 2 - 1] / 2 + values[n / 2] / 2;
}

Detection robust_score(double value, std::vector<double> before) {
  Detection out;
  const double centre = median_of(before);
  double sum = 0;
  for (double& x : before) {
    x = std::abs(x - centre);
    sum += x / static_cast<double>(before.size());
  }
  const double deviation = median_of(before);
  const double scale = floored_spread(deviation > 0 ? 1.4826 * deviation : 1.2533 * sum, centre);
  const double score = (value - centre) / scale;
  if (std::isfinite(score))
    out.score = score;
  else
    out.why = "the score is too large for a number";
  return out;
}

struct Past {
  std::deque<std::pair<std::int64_t, double>> values;  // oldest first

  void write(ByteWriter& out) const {
    out.put(static_cast<std::uint64_t>(values.size()));
    for (const auto& [at, value] : values) {
      out.put(at);
      out.put(value);
    }
  }
  bool read(ByteReader& in) {
    const std::size_t n = in.count(16);
    values.clear();
    for (std::size_t i = 0; i < n && in.good(); ++i) {
      const auto at = in.get<std::int64_t>();
      const double value = in.get<double>();
      if (!std::isfinite(value) || (!values.empty() && at <= values.back().first)) return false;
      values.emplace_back(at, value);
    }
    return in.good();
  }
};

class Mad : public DetectorOf<Mad> {
 public:
  explicit Mad(Duration over) : over_(over) {}

  Detection add(double value, Instant at) override {
    while (!past_.values.empty() && past_.values.front().first < at.ns - over_.ns) past_.values.pop_front();
    Detection out;
    if (past_.values.size() < 4) {
      out.why = "fewer than 4 values before it";
    } else {
      std::vector<double> before;
      before.reserve(past_.values.size());
      for (const auto& one : past_.values) before.push_back(one.second);
      out = robust_score(value, std::move(before));
    }
    past_.values.emplace_back(at.ns, value);
    return out;
  }

  void write(ByteWriter& out) const override { past_.write(out); }
  bool read(ByteReader& in) override { return past_.read(in); }
  std::size_t memory_bytes() const override { return sizeof *this + past_.values.size() * 16; }

 private:
  Duration over_;
  Past past_;
};

class Seasonal : public DetectorOf<Seasonal> {
 public:
  Seasonal(Duration period, std::uint32_t periods) : period_(period), periods_(periods) {}

  Detection add(double value, Instant at) override {
    const std::int64_t oldest = at.ns - period_.ns * static_cast<std::int64_t>(periods_);
    while (!past_.values.empty() && past_.values.front().first < oldest) past_.values.pop_front();
    std::vector<double> slots;
    for (std::uint32_t k = 1; k <= periods_; ++k) {
      const std::int64_t slot = at.ns - period_.ns * static_cast<std::int64_t>(k);
      const auto found = std::lower_bound(past_.values.begin(), past_.values.end(), slot,
                                          [](const auto& one, std::int64_t t) { return one.first < t; });
      if (found != past_.values.end() && found->first == slot) slots.push_back(found->second);
    }
    Detection out;
    if (slots.size() < 4)
      out.why = std::to_string(slots.size()) + " of at least 4 earlier slots are known";
    else
      out = robust_score(value, std::move(slots));
    past_.values.emplace_back(at.ns, value);
    return out;
  }

  void write(ByteWriter& out) const override { past_.write(out); }
  bool read(ByteReader& in) override { return past_.read(in); }
  std::size_t memory_bytes() const override { return sizeof *this + past_.values.size() * 16; }

 private:
  Duration period_;
  std::uint32_t periods_;
  Past past_;
};

}  // namespace

DetectorMade make_mad(const DetectorSpec& spec) {
  if (spec.over.ns <= 0) return invalid("over: expected a duration such as \"1 day\"");
  return std::unique_ptr<Detector>(std::make_unique<Mad>(spec.over));
}

DetectorMade make_seasonal(const DetectorSpec& spec) {
  if (spec.period.ns <= 0) return invalid("period: expected a duration such as \"1 week\"");
  if (spec.periods < 4 || spec.periods > 100) return invalid("periods: expected 4 to 100");
  return std::unique_ptr<Detector>(std::make_unique<Seasonal>(spec.period, spec.periods));
}

}  // namespace tidewatch
