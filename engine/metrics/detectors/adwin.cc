// Adaptive windowing (Bifet & Gavaldà, SDM 2007; figures equal to river 063ca61): the window is kept as a histogram of
// buckets of 1, 2, 4 ... values, at most five a row, and loses its oldest bucket as long as some cut of it parts two
// means that differ by more than chance allows.
#include <cmath>

#include "metrics/detectors/detector.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_buckets = 5;  // a row
constexpr std::uint64_t tested_each = 32, grace = 10;
constexpr double least_part = 5;

struct Bucket {
  double total = 0, variance = 0;  // sum, and sum of squared deviations from the bucket's mean
};

class Adwin : public DetectorOf<Adwin> {
 public:
  explicit Adwin(double delta) : delta_(delta) {}

  Detection add(double value, Instant) override {
    insert(value);
    Detection out;
    ++tick_;
    if (tick_ % tested_each == 0 && width_ > grace)
      while (cut()) out.has_fired = true;
    if (!std::isfinite(total_) || !std::isfinite(variance_)) *this = Adwin(delta_);
    out.score = out.has_fired ? 1 : 0;
    return out;
  }

  void write(ByteWriter& out) const override {
    out.put(tick_);
    out.put(width_);
    out.put(total_);
    out.put(variance_);
    out.put(static_cast<std::uint64_t>(rows_.size()));
    for (const auto& row : rows_) {
      out.put(static_cast<std::uint64_t>(row.size()));
      for (const Bucket& bucket : row) {
        out.put(bucket.total);
        out.put(bucket.variance);
      }
    }
  }
  bool read(ByteReader& in) override {
    tick_ = in.get<std::uint64_t>();
    width_ = in.get<std::uint64_t>();
    total_ = in.get<double>();
    variance_ = in.get<double>();
    rows_.assign(in.count(8), {});
    if (!in.good() || rows_.empty() || rows_.size() > 60) return false;
    std::uint64_t width = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      rows_[i].resize(std::min<std::size_t>(in.count(16), most_buckets + 1));
      for (Bucket& bucket : rows_[i]) {
        bucket.total = in.get<double>();
        bucket.variance = in.get<double>();
        if (!std::isfinite(bucket.total) || !std::isfinite(bucket.variance)) return false;
      }
      width += rows_[i].size() << i;
    }
    return in.good() && width == width_ && std::isfinite(total_) && std::isfinite(variance_);
  }
  std::size_t memory_bytes() const override {
    return sizeof *this + rows_.size() * (most_buckets + 3) * sizeof(Bucket);
  }

 private:
  void insert(double value) {
    rows_[0].push_back({value, 0});
    ++width_;
    if (width_ > 1) {
      const double n = static_cast<double>(width_), before = n - 1, off = value - total_ / before;
      variance_ += before * off * off / n;
    }
    total_ += value;
    for (std::size_t i = 0; i < rows_.size() && rows_[i].size() > most_buckets; ++i) {
      if (i + 1 == rows_.size()) rows_.emplace_back();
      const double n = std::ldexp(1.0, static_cast<int>(i));
      const Bucket a = rows_[i][0], b = rows_[i][1];
      const double apart = a.total / n - b.total / n;
      rows_[i + 1].push_back({a.total + b.total, a.variance + b.variance + n * n * apart * apart / (2 * n)});
      rows_[i].erase(rows_[i].begin(), rows_[i].begin() + 2);
    }
  }

  void drop_oldest() {
    const std::size_t i = rows_.size() - 1;
    const Bucket gone = rows_[i].front();
    const std::uint64_t count = std::uint64_t{1} << i;
    width_ -= count;
    total_ -= gone.total;
    const double n = static_cast<double>(count), left = static_cast<double>(width_);
    const double apart = gone.total / n - total_ / left;
    variance_ -= gone.variance + n * left * apart * apart / (n + left);
    rows_[i].erase(rows_[i].begin());
    if (rows_[i].empty()) rows_.pop_back();
  }

  // Looks at the cuts from the oldest bucket on; drops that bucket at the first that parts two different means.
  bool cut() {
    double older = 0, newer = static_cast<double>(width_), older_total = 0, newer_total = total_;
    const double log_term = std::log(2 * std::log(static_cast<double>(width_)) / delta_);
    const double variance = std::max(0.0, variance_ / static_cast<double>(width_));
    for (std::size_t i = rows_.size(); i-- > 0;) {
      const double n = std::ldexp(1.0, static_cast<int>(i));
      // The newest bucket of a row is left out, as in the reference implementation.
      for (std::size_t k = 0; k + 1 < rows_[i].size(); ++k) {
        older += n;
        newer -= n;
        older_total += rows_[i][k].total;
        newer_total -= rows_[i][k].total;
        if (older < least_part || newer < least_part) continue;
        const double m = 1 / (older - least_part + 1) + 1 / (newer - least_part + 1);
        const double bound = std::sqrt(2 * m * variance * log_term) + 2.0 / 3.0 * m * log_term;
        if (std::abs(older_total / older - newer_total / newer) <= bound) continue;
        drop_oldest();
        return true;
      }
    }
    return false;
  }

  double delta_;
  std::uint64_t tick_ = 0, width_ = 0;
  double total_ = 0, variance_ = 0;
  std::vector<std::vector<Bucket>> rows_ = std::vector<std::vector<Bucket>>(1);  // row i: buckets of 2^i, oldest first
};

}  // namespace

DetectorMade make_adwin(const DetectorSpec& spec) {
  const double delta = spec.delta.value_or(0.002);
  if (!(delta > 0 && delta < 1)) return invalid("delta: expected a probability between 0 and 1");
  return std::unique_ptr<Detector>(std::make_unique<Adwin>(delta));
}

}  // namespace tidewatch
