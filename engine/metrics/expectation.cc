// Means are exact sums rounded once; medians are linear between the two middle values (numpy's), and so is the median
// absolute deviation.
#include "metrics/expectation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.h"
#include "metrics/exact_sum.h"

namespace tidewatch {
namespace {

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const double low = values[(n - 1) / 2], high = values[n / 2];
  return low + (high - low) / 2;
}

}  // namespace

Reading expected_reading(std::span<const SharedReading> readings, std::size_t least, bool is_median, Instant now) {
  Reading r;
  r.as_of = now;
  r.reason = "no earlier window to compare with";
  r.is_final = !readings.empty();
  std::vector<double> values;
  for (const SharedReading& shared : readings) {
    const Reading& one = *shared;
    r.from = &shared == readings.data() ? one.from : std::min(r.from, one.from);
    r.to = std::max(r.to, one.to);
    r.revision += one.revision;
    r.late += one.late;
    r.is_final = r.is_final && one.is_final;
    if (one.status == Status::ok && one.value) values.push_back(*one.value);
  }
  r.n = values.size();
  if (values.empty()) return r;
  const auto n = static_cast<double>(values.size());
  double middle = 0, scale = 0;
  if (is_median) {
    middle = median_of(values);
    for (double& value : values) value = std::fabs(value - middle);
    scale = 1.4826 * median_of(values);
  } else {
    ExactSum sum, squares;
    bool is_wide = false;
    for (const double value : values) {
      sum.add(value);
      is_wide = is_wide || std::fabs(value) >= 1e150;
      if (!is_wide) squares.add_product(value, value);
    }
    middle = sum.value() / n;
    if (values.size() > 1 && !is_wide)
      scale = std::sqrt(std::max(0.0, centered(values.size(), sum, sum, squares)) / (n - 1));
  }
  if (!std::isfinite(middle)) {
    r.status = Status::undefined;
    r.reason = "the result is too large for a number";
    return r;
  }
  r.value = middle;
  r.status = Status::ok;
  r.reason.clear();
  if (scale > 0 && std::isfinite(scale)) r.error = {ErrorBound::Kind::standard, scale};
  if (values.size() < least || values.size() * 2 < readings.size()) {
    r.status = Status::insufficient;
    r.reason = std::to_string(values.size()) + " of " + std::to_string(readings.size()) + " earlier windows are ok";
    if (values.size() < least) r.reason += ", at least " + std::to_string(least) + " needed";
  }
  return r;
}

void show_expected(Reading& r, const Reading& now, const Reading& expected) {
  r.error = {};
  if (!now.value || !expected.value) return;
  r.baseline_n = expected.n;
  r.text = "expected " + format_number(*expected.value);
  if (expected.error.bound > 0)
    r.text += ", z " + format_number(std::round((*now.value - *expected.value) / expected.error.bound * 100) / 100);
}

}  // namespace tidewatch
