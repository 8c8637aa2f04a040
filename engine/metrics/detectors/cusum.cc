// Two cumulative sums of standardised values (Page 1954): what exceeds the slack k adds up on either side. The larger
// of the two is the answer; once above the height h both start over.
#include <algorithm>
#include <cmath>

#include "metrics/detectors/detector.h"

namespace tidewatch {
namespace {

constexpr std::uint32_t reference_values = 100;

class Cusum : public DetectorOf<Cusum> {
 public:
  explicit Cusum(const DetectorSpec& spec) : slack_(spec.slack), height_(spec.height) {
    if (!spec.reference_mean) return;
    mean_ = *spec.reference_mean;
    deviation_ = spec.reference_deviation.value_or(1);
    seen_ = reference_values;
  }

  Detection add(double value, Instant) override {
    Detection out;
    if (seen_ < reference_values) {
      ++seen_;
      const double before = value - mean_;
      mean_ += before / seen_;
      squares_ += before * (value - mean_);
      if (!std::isfinite(squares_)) seen_ = 0, mean_ = squares_ = 0;  // a value no reference can be made of: anew
      if (seen_ == reference_values) deviation_ = std::sqrt(squares_ / (seen_ - 1));
      out.why =
          "learning the reference: " + std::to_string(seen_) + " of " + std::to_string(reference_values) + " values";
      return out;
    }
    out.expected = mean_;
    out.scale = floored_spread(deviation_, mean_);
    const double z = (value - mean_) / out.scale;
    if (upper_ > height_ || lower_ > height_) upper_ = lower_ = 0;
    upper_ = std::max(0.0, upper_ + z - slack_);
    lower_ = std::max(0.0, lower_ - z - slack_);
    const double score = std::max(upper_, lower_);
    out.has_fired = score > height_;
    if (std::isfinite(score)) {
      out.score = score;
    } else {
      out.why = "the sum is too large for a number";
      upper_ = lower_ = 0;
    }
    return out;
  }

  void write(ByteWriter& out) const override {
    out.put(seen_);
    for (const double x : {mean_, squares_, deviation_, upper_, lower_}) out.put(x);
  }
  bool read(ByteReader& in) override {
    seen_ = in.get<std::uint32_t>();
    for (double* x : {&mean_, &squares_, &deviation_, &upper_, &lower_}) {
      *x = in.get<double>();
      if (!std::isfinite(*x)) return false;
    }
    return in.good() && seen_ <= reference_values;
  }

 private:
  double slack_, height_;
  std::uint32_t seen_ = 0;
  double mean_ = 0, squares_ = 0, deviation_ = 0, upper_ = 0, lower_ = 0;
};

}  // namespace

DetectorMade make_cusum(const DetectorSpec& spec) {
  if (!(spec.slack >= 0)) return invalid("k: expected 0 or more standard deviations");
  if (!(spec.height > 0)) return invalid("h: expected more than 0");
  return std::unique_ptr<Detector>(std::make_unique<Cusum>(spec));
}

}  // namespace tidewatch
