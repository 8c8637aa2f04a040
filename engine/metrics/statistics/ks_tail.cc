// The exact tail walks a random lattice path from (0, 0) to (n, m) and asks for the chance that it ever strays as far
// as the gap. Adding up straying chances (never 1 - staying) keeps small p-values exact to the last digits.
#include "metrics/statistics/ks_tail.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tidewatch {

double ks_exact_tail(std::uint64_t n, std::uint64_t m, std::uint64_t gap) {
  if (gap == 0) return 1;
  const auto strays = [&](std::uint64_t i, std::uint64_t j) {
    const std::uint64_t a = i * m, b = j * n;
    return (a > b ? a - b : b - a) >= gap;
  };
  // strayed[j] at row i: the chance that a uniform path to (i, j) strayed; its last step came from (i - 1, j) with
  // probability i / (i + j).
  std::vector<double> strayed(m + 1);
  for (std::uint64_t j = 0; j <= m; ++j) strayed[j] = strays(0, j) || (j > 0 && strayed[j - 1] == 1) ? 1 : 0;
  for (std::uint64_t i = 1; i <= n; ++i) {
    if (strays(i, 0)) strayed[0] = 1;
    for (std::uint64_t j = 1; j <= m; ++j) {
      const double whole = static_cast<double>(i + j);
      strayed[j] = strays(i, j) ? 1
                                : strayed[j] * (static_cast<double>(i) / whole) +
                                      strayed[j - 1] * (static_cast<double>(j) / whole);
    }
  }
  return std::min(1.0, strayed[m]);
}

double kolmogorov_tail(double x) {
  if (x <= 0) return 1;
  constexpr double pi = 3.14159265358979323846;
  if (x < 1) {  // the other expansion of the theta function converges faster here
    double below = 0;
    for (int k = 1; k < 20; k += 2) below += std::exp(-k * k * pi * pi / (8 * x * x));
    return std::clamp(1 - std::sqrt(2 * pi) / x * below, 0.0, 1.0);
  }
  double sum = 0;
  for (int k = 8; k >= 1; --k) sum += (k % 2 ? 1 : -1) * std::exp(-2.0 * k * k * x * x);
  return std::clamp(2 * sum, 0.0, 1.0);
}

double ks_tail(std::uint64_t n, std::uint64_t m, double distance) {
  const double a = static_cast<double>(n), b = static_cast<double>(m);
  if (a * b <= 40'000) return ks_exact_tail(n, m, static_cast<std::uint64_t>(std::llround(distance * a * b)));
  const double root = std::sqrt(a * b / (a + b));
  return kolmogorov_tail((root + 0.12 + 0.11 / root) * distance);
}

}  // namespace tidewatch
