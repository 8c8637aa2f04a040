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

namespace tidewatch {

// What `h:ewma { decay = 0.002 }` says. Numbers not given are the detector's defaults; ignored where it has no use.
struct DetectorSpec {
  enum class Kind : std::uint8_t { ewma, mad, seasonal, cusum, page_hinkley, adwin, kswin };
  Kind kind = Kind::ewma;
  double decay = 0.002;    // ewma: weight of the newest value
  std::uint32_t warm = 0;  // values learnt before the first answer; 0 = the detector's own (ewma 150, page_hinkley 30)
  Duration over{0};        // mad: the window before the value
  Duration period = days(7);  // seasonal: distance of the slots
  std::uint32_t periods = 8;  // seasonal: how many slots back
  double slack = 0.5;         // cusum `k`, in standard deviations
  double height = 5;          // cusum `h`
  // cusum: mean and standard deviation of the reference; learnt from the first 100 values when not given.
  std::optional<double> reference_mean, reference_deviation;
  double delta = 0;                        // page_hinkley 0.005, adwin 0.002; 0 = the detector's own
  double limit = 50;                       // page_hinkley
  double forget = 0.9999;                  // page_hinkley
  double alpha = 0.0001;                   // kswin
  std::uint32_t size = 200, recent = 100;  // kswin
};

// One detector's answer to one value. `score` is empty while it warms up (`why` says so) and never NaN.
struct Detection {
  std::optional<double> score;
  bool has_fired = false;  // page_hinkley, adwin, kswin: a change was found at this value; cusum: it starts over
  std::string why;
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
std::string_view name_of(DetectorSpec::Kind kind);

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
