// See null_quantiles.h.
#include "metrics/families/null_quantiles.h"

#include <algorithm>
#include <cmath>

#include "metrics/families/tally.h"
#include "metrics/statistics/ks_tail.h"

namespace tidewatch {
namespace {

constexpr double half_log_two_pi = 0.91893853320467274178;

double usable_probability(double p) { return std::clamp(p, 1e-300, 1 - 1e-16); }

// Least x in [low, high] that the falling `tail` brings to p or below, to the last bits of a double.
template <typename Tail>
double bisect(double low, double high, double p, const Tail& tail) {
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (tail(middle) > p ? low : high) = middle;
  }
  return high;
}

// ln n! less Stirling's √(2πn) (n/e)^n: small, so that differences of large logarithms never appear.
double stirling_rest(double n) {
  if (n < 16) return std::lgamma(n + 1) - ((n + 0.5) * std::log(n) - n + half_log_two_pi);
  const double nn = n * n;
  return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / nn) / nn) / nn) / nn) / n;
}

// x ln(x / m) - x + m without cancellation where x is near m.
double deviance(double x, double m) {
  const double gap = x - m;
  if (std::fabs(gap) > 0.1 * (x + m)) return x * std::log(x / m) - gap;
  // With v = gap / (x + m): gap v + 2 x Σ v^(2j+1) / (2j+1), j from 1.
  const double v = gap / (x + m), vv = v * v;
  double sum = gap * v, term = 2 * x * v;
  for (int j = 1; j < 100; ++j) {
    term *= vv;
    const double next = sum + term / (2 * j + 1);
    if (next == sum) break;
    sum = next;
  }
  return sum;
}

double binomial_probability(double k, double n, double share) {
  if (k == 0) return std::exp(n * std::log1p(-share));
  if (k == n) return std::exp(n * std::log(share));
  const double rest = stirling_rest(n) - stirling_rest(k) - stirling_rest(n - k) - deviance(k, n * share) -
                      deviance(n - k, n * (1 - share));
  return std::exp(rest - half_log_two_pi) * std::sqrt(n / (k * (n - k)));
}

}  // namespace

double normal_exceeded(double probability) {
  const double p = usable_probability(probability);
  if (p == 0.5) return 0;
  if (p > 0.5) return -normal_exceeded(1 - p);
  double z = std::sqrt(-2 * std::log(p));  // to the right of the end, from where the steps come down
  for (int i = 0; i < 100; ++i) {
    const double tail = std::erfc(z * M_SQRT1_2) / 2;
    const double density = std::exp(-z * z / 2 - half_log_two_pi);
    const double step = (std::log(tail) - std::log(p)) * tail / density;
    z += step;
    if (std::fabs(step) <= 1e-15 * std::fabs(z)) break;
  }
  return z;
}

double chi_square_exceeded(double probability, unsigned degrees) {
  if (degrees == 0) return 0;
  const double p = usable_probability(probability), k = degrees;
  if (p > 0.9)  // the logarithm of the tail is flat there
    return bisect(0, k, p, [&](double x) { return chi_square_tail(x, degrees); });
  // Wilson and Hilferty's cube is a start, not an answer.
  const double spread = 2 / (9 * k), cube = 1 - spread + normal_exceeded(p) * std::sqrt(spread);
  double x = std::max(k * cube * cube * cube, 1e-3);
  const double scale = k / 2 * M_LN2 + std::lgamma(k / 2);
  for (int i = 0; i < 100; ++i) {
    const double tail = chi_square_tail(x, degrees);
    const double density = std::exp((k / 2 - 1) * std::log(x) - x / 2 - scale);
    const double step = (std::log(tail) - std::log(p)) * tail / density;
    x = std::max(x + step, x / 16);
    if (std::fabs(step) <= 1e-15 * x) break;
  }
  return x;
}

double kolmogorov_exceeded(double probability) {
  return bisect(0, 30, usable_probability(probability), [](double x) { return kolmogorov_tail(x); });
}

double binomial_tail(std::uint64_t k, std::uint64_t n, double share) {
  if (k >= n || share <= 0) return 0;
  if (share >= 1) return 1;
  const auto whole = static_cast<double>(n);
  const double odds = share / (1 - share);
  const double next = static_cast<double>(k) + 1;
  if (next < whole * share) {  // the longer side: one less the shorter
    double sum = 0, at = next - 1, term = binomial_probability(at, whole, share);
    while (term > sum * 1e-18) {
      sum += term;
      if (at == 0) break;
      term *= at / ((whole - at + 1) * odds);
      --at;
    }
    return std::max(0.0, 1 - sum);
  }
  double sum = 0, at = next, term = binomial_probability(at, whole, share);
  while (term > sum * 1e-18) {
    sum += term;
    if (at == whole) break;
    term *= (whole - at) / (at + 1) * odds;
    ++at;
  }
  return sum;
}

std::uint64_t binomial_exceeded(double probability, std::uint64_t n, double share) {
  if (n == 0 || share <= 0) return 0;
  if (share >= 1) return n;
  const double p = usable_probability(probability), whole = static_cast<double>(n);
  // Begins where the normal distribution with its skew says, and walks to where the tail does.
  const double z = normal_exceeded(p), spread = std::sqrt(whole * share * (1 - share));
  const double guess = whole * share + z * spread + (z * z - 1) * (1 - 2 * share) / 6;
  auto k = static_cast<std::uint64_t>(std::clamp(std::floor(guess), 0.0, whole));
  while (k < n && binomial_tail(k, n, share) > p) ++k;
  while (k > 0 && binomial_tail(k - 1, n, share) <= p) --k;
  return k;
}

double ks_exceeded(double probability, std::uint64_t n, std::uint64_t m) {
  if (n == 0 || m == 0) return 1;
  const double p = usable_probability(probability), whole = static_cast<double>(n) * static_cast<double>(m);
  if (whole <= 40'000) {
    // The exact tail is P(D >= gap / (n m)), and the next distance above one is a step of 1 / (n m) away.
    std::uint64_t low = 0, high = n * m + 1;
    while (high - low > 1) {
      const std::uint64_t middle = low + (high - low) / 2;
      (ks_exact_tail(n, m, middle) > p ? low : high) = middle;
    }
    return std::min(1.0, static_cast<double>(high - 1) / whole);
  }
  const double root = std::sqrt(whole / static_cast<double>(n + m));
  return std::min(1.0, kolmogorov_exceeded(p) / (root + 0.12 + 0.11 / root));
}

}  // namespace tidewatch
