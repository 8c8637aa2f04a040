// Kolmogorov-Smirnov windowing (Raab, Heusinger & Schleif 2020) without its random draw: the newest values are compared
// with all older ones of the window, so the same values always answer the same.
#include <algorithm>
#include <cmath>

#include "metrics/detectors/detector.h"
#include "metrics/statistics/ks_tail.h"

namespace tidewatch {
namespace {

constexpr double least_distance = 0.1;

class Kswin : public DetectorOf<Kswin> {
 public:
  Kswin(double alpha, std::uint32_t size, std::uint32_t recent) : alpha_(alpha), size_(size), recent_(recent) {}

  Detection add(double value, Instant) override {
    window_.push_back(value);
    if (window_.size() > size_) window_.erase(window_.begin());
    Detection out;
    if (window_.size() < size_) {
      out.why = "filling: " + std::to_string(window_.size()) + " of " + std::to_string(size_) + " values";
      return out;
    }
    const auto border = window_.end() - static_cast<std::ptrdiff_t>(recent_);
    std::vector<double> older(window_.begin(), border), newer(border, window_.end());
    std::sort(older.begin(), older.end());
    std::sort(newer.begin(), newer.end());
    const double distance = largest_gap(older, newer);
    out.has_fired = distance > least_distance && is_unlikely(distance);
    out.score = out.has_fired ? 1 : 0;
    if (out.has_fired) window_.clear();
    return out;
  }

  void write(ByteWriter& out) const override {
    out.put(static_cast<std::uint64_t>(window_.size()));
    for (const double x : window_) out.put(x);
  }
  bool read(ByteReader& in) override {
    window_.resize(in.count(8));
    if (window_.size() > size_) return false;
    for (double& x : window_) {
      x = in.get<double>();
      if (!std::isfinite(x)) return false;
    }
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this + window_.capacity() * sizeof(double); }

 private:
  // The tail falls with the distance and the samples are always as long, so what was found for one distance holds for
  // all beyond it: ten thousand steps of a lattice are taken a few times, not at each value.
  bool is_unlikely(double distance) {
    if (distance <= likely_) return false;
    if (distance >= unlikely_) return true;
    const bool found = ks_tail(recent_, size_ - recent_, distance) <= alpha_;
    (found ? unlikely_ : likely_) = distance;
    return found;
  }
  static double largest_gap(const std::vector<double>& a, const std::vector<double>& b) {
    std::size_t i = 0, j = 0;
    double gap = 0;
    while (i < a.size() && j < b.size()) {
      const double x = std::min(a[i], b[j]);
      while (i < a.size() && a[i] == x) ++i;
      while (j < b.size() && b[j] == x) ++j;
      gap = std::max(gap, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                   static_cast<double>(j) / static_cast<double>(b.size())));
    }
    return gap;
  }

  double alpha_;
  std::uint32_t size_, recent_;
  std::vector<double> window_;               // oldest first
  double likely_ = 0, unlikely_ = HUGE_VAL;  // the greatest distance within alpha, the least beyond it
};

}  // namespace

DetectorMade make_kswin(const DetectorSpec& spec) {
  if (!(spec.alpha > 0 && spec.alpha < 1)) return invalid("alpha: expected a probability between 0 and 1");
  if (spec.recent < 5 || spec.size < 2 * spec.recent || spec.size > 10'000)
    return invalid("size and recent: expected 5 or more recent values, at least as many older ones, at most 10,000");
  return std::unique_ptr<Detector>(std::make_unique<Kswin>(spec.alpha, spec.size, spec.recent));
}

}  // namespace tidewatch
