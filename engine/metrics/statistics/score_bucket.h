// A score in 16 bits, rising with it: what is kept of the scores of a window beyond a million rows. Three quarters of
// the buckets are even steps of [0, 1], where probabilities are; an eighth each for what lies below and above, by the
// exponent (2^-32 to 2^32) and seven bits of the mantissa.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace tidewatch {

inline constexpr std::size_t most_scores = 1'000'000, score_buckets = 65'536;

inline std::size_t score_bucket(double score) {
  constexpr std::size_t side = 8192, middle = score_buckets - 2 * side;
  const auto size = [](double x, int lowest) {  // how far from 0, in 0 .. side-1
    int exponent = 0;
    const double mantissa = std::frexp(x, &exponent);  // in [0.5, 1)
    if (exponent <= lowest) return std::size_t{0};
    const auto step =
        static_cast<std::size_t>(exponent - lowest - 1) * 128 + static_cast<std::size_t>((mantissa - 0.5) * 256);
    return std::min(step, side - 1);
  };
  if (score < 0) return side - 1 - size(-score, -32);
  if (score <= 1) return side + std::min(static_cast<std::size_t>(score * middle), middle - 1);
  return side + middle + size(score, 0);
}

}  // namespace tidewatch
