// Exponentially weighted mean and variance (Roberts 1959; the variance recursion of Finch 2009). The first `warm`
// values give plain moments, so that the first answers do not hang on the first value. Winsorised updates did worse on
// real series and are not offered.
#include <cmath>

#include "metrics/detectors/detector.h"

namespace tidewatch {
namespace {

class Ewma : public DetectorOf<Ewma> {
 public:
  explicit Ewma(const DetectorSpec& spec) : decay_(spec.decay), warm_(spec.warm ? spec.warm : 150) {}

  Detection add(double value, Instant) override {
    Detection out;
    if (seen_ < warm_) {
      // Welford: the plain mean and sum of squares of the values that warm up.
      ++seen_;
      const double before = value - mean_;
      mean_ += before / seen_;
      variance_ += before * (value - mean_);
      if (!std::isfinite(variance_)) seen_ = 0, mean_ = variance_ = 0;
      if (seen_ == warm_) variance_ /= seen_;
      out.why = "warming up: " + std::to_string(seen_) + " of " + std::to_string(warm_) + " values";
      return out;
    }
    const double difference = value - mean_;
    out.expected = mean_;
    out.scale = floored_spread(std::sqrt(variance_), mean_);
    const double score = difference / out.scale;
    if (std::isfinite(score))
      out.score = score;
    else
      out.why = "the score is too large for a number";
    mean_ += decay_ * difference;
    variance_ = (1 - decay_) * (variance_ + decay_ * difference * difference);
    if (!std::isfinite(variance_) || !std::isfinite(mean_)) seen_ = 0, mean_ = variance_ = 0;  // learns anew
    return out;
  }

  void write(ByteWriter& out) const override {
    out.put(seen_);
    out.put(mean_);
    out.put(variance_);
  }
  bool read(ByteReader& in) override {
    seen_ = in.get<std::uint32_t>();
    mean_ = in.get<double>();
    variance_ = in.get<double>();
    return in.good() && seen_ <= warm_ && std::isfinite(mean_) && variance_ >= 0;
  }

 private:
  double decay_;
  std::uint32_t warm_, seen_ = 0;
  double mean_ = 0, variance_ = 0;
};

}  // namespace

DetectorMade make_ewma(const DetectorSpec& spec) {
  if (!(spec.decay > 0 && spec.decay < 1)) return invalid("decay: expected a number between 0 and 1");
  if (spec.warm == 1) return invalid("warm: expected at least 2 values");
  return std::unique_ptr<Detector>(std::make_unique<Ewma>(spec));
}

}  // namespace tidewatch
