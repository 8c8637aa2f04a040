#include "metrics/detectors/detector.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

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

std::string options_of(const DetectorSpec& spec) {
  const DetectorSpec plain;
  std::string out;
  const auto add = [&](const char* name, const std::string& value) {
    out += (out.empty() ? "{ " : ", ") + std::string(name) + " = " + value;
  };
  const auto number = [&](const char* name, double value, double usual) {
    if (value != usual) add(name, format_number(value));
  };
  const auto text = [&](const char* name, const std::string& value) { add(name, '"' + value + '"'); };
  if (spec.over.ns > 0) text("over", format_duration(spec.over));
  if (spec.period != plain.period) text("period", format_duration(spec.period));
  number("periods", spec.periods, plain.periods);
  if (!spec.zone.empty()) text("zone", spec.zone);
  number("decay", spec.decay, plain.decay);
  number("warm", spec.warm, plain.warm);
  number("k", spec.slack, plain.slack);
  number("h", spec.height, plain.height);
  if (spec.delta) add("delta", format_number(*spec.delta));
  number("limit", spec.limit, plain.limit);
  number("forget", spec.forget, plain.forget);
  number("alpha", spec.alpha, plain.alpha);
  number("size", spec.size, plain.size);
  number("recent", spec.recent, plain.recent);
  return out.empty() ? out : out + " }";
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
