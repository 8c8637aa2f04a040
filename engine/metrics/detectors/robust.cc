// Scores against a median: mad looks at the values just before, seasonal at the same slot of the periods before. The
// scale is 1.4826 times the median absolute deviation, a standard deviation for normal values (Rousseeuw & Croux 1993),
// and where more than half the values are equal 1.2533 times the mean absolute deviation.
#include <algorithm>
#include <cmath>
#include <deque>

#include "base/calendar.h"
#include "base/same_local_time.h"
#include "metrics/detectors/detector.h"

namespace tidewatch {
namespace {

// Halves apart: a sum of two large values may be no number.
double middle_of(double low, double high, bool is_odd) { return is_odd ? high : low / 2 + high / 2; }

// The k-th smallest distance from `centre`, from 0: distances grow to either side of it, so two sorted runs are cut
// where k + 1 of them are on the near side.
double nth_distance(const std::vector<double>& sorted, std::size_t split, double centre, std::size_t k) {
  const auto below = [&](std::size_t i) { return centre - sorted[split - 1 - i]; };
  const auto above = [&](std::size_t i) { return sorted[split + i] - centre; };
  const std::size_t others = sorted.size() - split;
  std::size_t low = k + 1 > others ? k + 1 - others : 0, high = std::min(k + 1, split);
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (below(middle) < above(k - middle))
      low = middle + 1;
    else
      high = middle;
  }
  double out = 0;
  if (low > 0) out = below(low - 1);
  if (k + 1 > low) out = std::max(out, above(k - low));
  return out;
}

Detection robust_score(double value, const std::vector<double>& sorted) {
  Detection out;
  const std::size_t n = sorted.size(), half = n / 2, before = half - (n % 2 == 0);
  const double centre = middle_of(sorted[before], sorted[half], n % 2);
  const auto split = static_cast<std::size_t>(std::lower_bound(sorted.begin(), sorted.end(), centre) - sorted.begin());
  const double deviation =
      middle_of(nth_distance(sorted, split, centre, before), nth_distance(sorted, split, centre, half), n % 2);
  double scale = 1.4826 * deviation;
  if (!(deviation > 0)) {
    double mean = 0;
    for (const double x : sorted) mean += std::abs(x - centre) / static_cast<double>(n);
    scale = 1.2533 * mean;
  }
  scale = floored_spread(scale, centre);
  const double score = (value - centre) / scale;
  out.expected = centre;
  out.scale = scale;
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
      const auto at = in.nanoseconds();
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
    for (auto& values = past_.values; !values.empty() && values.front().first < at.ns - over_.ns; values.pop_front())
      sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), values.front().second));
    Detection out;
    if (sorted_.size() < 4)
      out.why = "fewer than 4 values before it";
    else
      out = robust_score(value, sorted_);
    const double kept = value + 0.0;  // one zero, or the order of two kinds of it would be another after a restart
    past_.values.emplace_back(at.ns, kept);
    sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), kept), kept);
    return out;
  }

  void write(ByteWriter& out) const override { past_.write(out); }
  bool read(ByteReader& in) override {
    sorted_.clear();
    if (!past_.read(in)) return false;
    for (const auto& one : past_.values) sorted_.push_back(one.second);
    std::sort(sorted_.begin(), sorted_.end());
    return true;
  }
  std::size_t memory_bytes() const override { return sizeof *this + past_.values.size() * 24; }

 private:
  Duration over_;
  Past past_;
  std::vector<double> sorted_;  // the same values
};

class Seasonal : public DetectorOf<Seasonal> {
 public:
  Seasonal(Duration period, std::uint32_t periods, std::string zone)
      : period_(period), periods_(periods), zone_(std::move(zone)) {}

  Detection add(double value, Instant at) override {
    // An hour and a half more than the slots need: local time may have been set forward since.
    const std::int64_t slack = zone_.empty() ? 0 : minutes(90).ns;
    const std::int64_t oldest = at.ns - period_.ns * static_cast<std::int64_t>(periods_) - slack;
    while (!past_.values.empty() && past_.values.front().first < oldest) past_.values.pop_front();
    std::vector<double> slots;
    for (std::uint32_t k = 1; k <= periods_; ++k) {
      const std::int64_t slot = same_local_time(at, period_ * k, zone_).ns;
      const auto found = std::lower_bound(past_.values.begin(), past_.values.end(), slot,
                                          [](const auto& one, std::int64_t t) { return one.first < t; });
      if (found != past_.values.end() && found->first == slot) slots.push_back(found->second);
    }
    Detection out;
    if (slots.size() < 4) {
      out.why = std::to_string(slots.size()) + " of at least 4 earlier slots are known";
    } else {
      std::sort(slots.begin(), slots.end());
      out = robust_score(value, slots);
    }
    past_.values.emplace_back(at.ns, value);
    return out;
  }

  void write(ByteWriter& out) const override { past_.write(out); }
  bool read(ByteReader& in) override { return past_.read(in); }
  std::size_t memory_bytes() const override { return sizeof *this + past_.values.size() * 16; }

 private:
  Duration period_;
  std::uint32_t periods_;
  std::string zone_;
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
  if (!spec.zone.empty())
    if (auto known = check_zone(spec.zone); !known) return invalid("zone: " + known.error().text);
  return std::unique_ptr<Detector>(
      std::make_unique<Seasonal>(spec.period, spec.periods, spec.zone == "UTC" ? std::string() : spec.zone));
}

}  // namespace tidewatch
