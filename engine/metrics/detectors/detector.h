// A detector walks along the values of one series, one a pane end and in order, and says of each how unusual it is. It
// keeps what it needs and nothing else, so a checkpoint is its few numbers; one kind a file. Scores come before the
// value is learnt: a spike must not hide itself.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "metrics/detectors/detector_spec.h"

namespace tidewatch {

// One detector's answer to one value. `score` is empty while it warms up (`why` says so) and never NaN.
struct Detection {
  std::optional<double> score;
  bool has_fired = false;  // page_hinkley, adwin, kswin: a change was found at this value; cusum: it starts over
  std::string why;
  // ewma, mad, seasonal, cusum: score = (value - expected) / scale, cusum's sums are of such scores.
  double expected = 0, scale = 0;  // scale 0: the detector has none
};

class Detector {
 public:
  virtual ~Detector() = default;
  // Instants rise from call to call; the value is finite.
  virtual Detection add(double value, Instant at) = 0;
  virtual std::unique_ptr<Detector> copy() const = 0;
  virtual void write(ByteWriter& out) const = 0;
  virtual bool read(ByteReader& in) = 0;  // false when damaged
  virtual std::size_t memory_bytes() const = 0;
};

// Errors name the number that cannot be and its range.
Result<std::unique_ptr<Detector>> make_detector(const DetectorSpec& spec);

// A spread below this is the noise of rounding: a jump off a flat line is then finite and huge.
double floored_spread(double spread, double centre);

// What every detector would otherwise repeat.
template <typename Self>
class DetectorOf : public Detector {
 public:
  std::unique_ptr<Detector> copy() const override { return std::make_unique<Self>(static_cast<const Self&>(*this)); }
  std::size_t memory_bytes() const override { return sizeof(Self); }
};

using DetectorMade = Result<std::unique_ptr<Detector>>;
DetectorMade make_ewma(const DetectorSpec&);
DetectorMade make_mad(const DetectorSpec&);
DetectorMade make_seasonal(const DetectorSpec&);
DetectorMade make_cusum(const DetectorSpec&);
DetectorMade make_page_hinkley(const DetectorSpec&);
DetectorMade make_adwin(const DetectorSpec&);
DetectorMade make_kswin(const DetectorSpec&);

}  // namespace tidewatch
