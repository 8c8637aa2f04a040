// Means are exact sums rounded once; medians are linear between the two middle values (numpy's), and so is the median
// absolute deviation.
#include "metrics/expectation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.h"
#include "metrics/families/null_quantiles.h"
#include "metrics/statistics/exact_sum.h"

namespace tidewatch {
namespace {

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const double low = values[(n - 1) / 2], high = values[n / 2];
  return low + (high - low) / 2;
}

// Of the middle of several windows that do not overlap; and how much more they differ than their rows allow for, where
// there are enough of them to say.
std::shared_ptr<Chance> chance_of_middle(std::span<const SharedReading> readings, double middle, bool is_median) {
  constexpr std::size_t least_windows = 20;
  constexpr double median_costs = 1.5707963267948966;  // π/2: the variance of a median over that of a mean
  Chance out;
  ExactSum squares;
  std::vector<double> strayed;
  for (const SharedReading& one : readings) {
    if (one->status != Status::ok || !one->value) continue;
    const double error = one->chance ? standard_error_of(*one->chance, *one->value) : -1;
    if (error < 0) return nullptr;
    squares.add(error * error);
    const double gap = *one->value - middle;
    if (error > 0) strayed.push_back(gap * gap / (error * error));
    out.over = one->chance->over;
    out.reads = one->chance->reads;
    ++out.n;
  }
  if (out.n == 0) return nullptr;
  out.kind = Chance::Kind::standard_error;
  out.standard_error =
      std::sqrt(squares.value() * (is_median && out.n > 2 ? median_costs : 1)) / static_cast<double>(out.n);
  if (strayed.size() >= least_windows) {
    out.inflation = std::max(1.0, median_of(std::move(strayed)) / chi_square_exceeded(0.5, 1));
    out.is_inflation_measured = true;
  }
  return std::make_shared<Chance>(out);
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
  if (readings.front()->chance) r.chance = chance_of_middle(readings, middle, is_median);
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
