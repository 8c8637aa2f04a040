#include "metrics/detectors/detector.h"

#include <algorithm>
#include <cmath>

namespace tidewatch {

double floored_spread(double spread, double centre) { return std::max(spread, 1e-9 * std::max(1.0, std::abs(centre))); }

std::string_view name_of(DetectorSpec::Kind kind) {
  switch (kind) {
    case DetectorSpec::Kind::ewma:
      return "ewma";
    case DetectorSpec::Kind::mad:
      return "mad";
    case DetectorSpec::Kind::seasonal:
      return "seasonal";
    case DetectorSpec::Kind::cusum:
      return "cusum";
    case DetectorSpec::Kind::page_hinkley:
      return "page_hinkley";
    case DetectorSpec::Kind::adwin:
      return "adwin";
    case DetectorSpec::Kind::kswin:
      return "kswin";
  }
  return "ewma";
}

Result<std::unique_ptr<Detector>> make_detector(const DetectorSpec& spec) {
  switch (spec.kind) {
    case DetectorSpec::Kind::ewma:
      return make_ewma(spec);
    case DetectorSpec::Kind::mad:
      return make_mad(spec);
    case DetectorSpec::Kind::seasonal:
      return make_seasonal(spec);
    case DetectorSpec::Kind::cusum:
      return make_cusum(spec);
    case DetectorSpec::Kind::page_hinkley:
      return make_page_hinkley(spec);
    case DetectorSpec::Kind::adwin:
      return make_adwin(spec);
    case DetectorSpec::Kind::kswin:
      return make_kswin(spec);
  }
  return make_ewma(spec);
}

}  // namespace tidewatch
