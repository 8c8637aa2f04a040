// What a script asks of a detector, as plain data: part of a handle, so it stands apart from the detectors themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tidewatch {

// What `h:ewma { decay = 0.002 }` says. Numbers not given are the detector's defaults; ignored where it has no use.
struct DetectorSpec {
  enum class Kind : std::uint8_t { ewma, mad, seasonal, cusum, page_hinkley, adwin, kswin };
  Kind kind = Kind::ewma;
  double decay = 0.002;    // ewma: weight of the newest value
  std::uint32_t warm = 0;  // values learnt before the first answer; 0 = the detector's own (ewma 150, page_hinkley 30)
  // mad: the window before the value; page_hinkley, adwin, kswin: how long a firing counts
  Duration over{0};
  Duration period = days(7);  // seasonal: distance of the slots
  std::uint32_t periods = 8;  // seasonal: how many slots back
  std::string zone;           // seasonal: slots are at the same local time; "" = the zone of the handle's window
  double slack = 0.5;         // cusum `k`, in standard deviations
  double height = 5;          // cusum `h`
  // cusum: mean and standard deviation of the reference; learnt from the first 100 values when not given.
  std::optional<double> reference_mean, reference_deviation;
  std::optional<double> delta;             // page_hinkley 0.005, adwin 0.002 when not given
  double limit = 50;                       // page_hinkley
  double forget = 0.9999;                  // page_hinkley
  double alpha = 0.0001;                   // kswin
  std::uint32_t size = 200, recent = 100;  // kswin

  // Its value is how many changes were found within `over`.
  bool counts_firings() const { return kind >= Kind::page_hinkley; }
};

std::string_view name_of(DetectorSpec::Kind kind);
// { decay = 0.1, warm = 5 }: what is not the default, as it would be typed; "" when all are.
std::string options_of(const DetectorSpec& spec);

}  // namespace tidewatch
