// A rise of the mean (Page 1954, Hinkley 1971; figures equal to river 063ca61): what exceeds the running mean by more
// than `delta` adds up and fades; at `limit` it fires and starts over.
#include <algorithm>
#include <cmath>

#include "metrics/detectors/detector.h"

namespace tidewatch {
namespace {

class PageHinkley : public DetectorOf<PageHinkley> {
 public:
  explicit PageHinkley(const DetectorSpec& spec)
      : delta_(spec.delta.value_or(0.005)),
        limit_(spec.limit),
        forget_(spec.forget),
        warm_(spec.warm ? spec.warm : 30) {}

  Detection add(double value, Instant) override {
    ++seen_;
    mean_ += (value - mean_) / static_cast<double>(seen_);
    sum_ = std::max(0.0, forget_ * sum_ + value - mean_ - delta_);
    if (!std::isfinite(sum_) || !std::isfinite(mean_)) seen_ = 0, mean_ = sum_ = 0;
    Detection out;
    out.has_fired = seen_ >= warm_ && sum_ >= limit_;
    if (seen_ >= warm_)
      out.score = out.has_fired ? 1 : 0;
    else
      out.why = "warming up: " + std::to_string(seen_) + " of " + std::to_string(warm_) + " values";
    if (out.has_fired) seen_ = 0, mean_ = sum_ = 0;
    return out;
  }

  void write(ByteWriter& out) const override {
    out.put(seen_);
    out.put(mean_);
    out.put(sum_);
  }
  bool read(ByteReader& in) override {
    seen_ = in.get<std::uint64_t>();
    mean_ = in.get<double>();
    sum_ = in.get<double>();
    return in.good() && std::isfinite(mean_) && std::isfinite(sum_);
  }

 private:
  double delta_, limit_, forget_;
  std::uint32_t warm_;
  std::uint64_t seen_ = 0;
  double mean_ = 0, sum_ = 0;
};

}  // namespace

DetectorMade make_page_hinkley(const DetectorSpec& spec) {
  if (!(spec.delta.value_or(0) >= 0)) return invalid("delta: expected 0 or more");
  if (!(spec.limit > 0)) return invalid("limit: expected more than 0");
  if (!(spec.forget > 0 && spec.forget <= 1)) return invalid("forget: expected above 0, at most 1");
  return std::unique_ptr<Detector>(std::make_unique<PageHinkley>(spec));
}

}  // namespace tidewatch
