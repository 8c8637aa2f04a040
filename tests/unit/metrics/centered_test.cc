// Centred sums by short integers against the same by sums of doubles: the same bits for values of any kind and size.
#include <bit>
#include <iostream>

#include <catch2/catch.hpp>

#include "engine_fixture.h"
#include "metrics/statistics/exact_sum.h"

using namespace tidewatch;

namespace {

struct Pair {
  double x, y;
};

// Values of one kind: small whole numbers, decimals, one far from zero, few bits apart, of any exponent.
Pair draw(std::mt19937_64& random, unsigned kind) {
  const auto unit = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  switch (kind) {
    case 0:
      return {static_cast<double>(random() % 7) - 3, static_cast<double>(random() % 5)};
    case 1:
      return {unit() * 100, -unit() / 3};
    case 2:
      return {1e9 + unit(), 1e-9 * unit() + 1};
    case 3:
      return {std::nextafter(1.1, random() % 2 ? 0.0 : 2.0), 1.1};
    case 4:
      return {std::ldexp(unit() - 0.5, static_cast<int>(random() % 600) - 300), std::ldexp(unit(), -200)};
    case 5:
      return {0, random() % 2 ? 0.0 : unit()};
    default:
      return {std::ldexp(1.0, static_cast<int>(random() % 40)), -std::ldexp(1.0, static_cast<int>(random() % 3))};
  }
}

}  // namespace

TEST_CASE("centred sums by integers are those by doubles, bit for bit") {
  const std::uint64_t seed = 77;
  std::cout << "centred sums, seed " << seed << "\n";
  std::mt19937_64 random(seed);
  std::size_t not_zero = 0;
  for (int i = 0; i < 4000; ++i) {
    const unsigned kind = static_cast<unsigned>(random() % 7), count = 1 + static_cast<unsigned>(random() % 30);
    ExactSum x, y, xx, xy;
    for (unsigned k = 0; k < count; ++k) {
      const Pair p = draw(random, kind);
      x.add(p.x);
      y.add(p.y);
      xx.add_product(p.x, p.x);
      xy.add_product(p.x, p.y);
    }
    const std::uint64_t n = i % 50 == 0 ? (1ull << 33) + count : count;
    INFO("kind " << kind << ", n " << n << ", case " << i);
    const double alone = centered(n, x, x, xx), both = centered(n, x, y, xy), mixed = centered(n, y, x, xx);
    REQUIRE(std::bit_cast<std::uint64_t>(alone) == std::bit_cast<std::uint64_t>(centered_by_parts(n, x, x, xx)));
    REQUIRE(std::bit_cast<std::uint64_t>(both) == std::bit_cast<std::uint64_t>(centered_by_parts(n, x, y, xy)));
    REQUIRE(std::bit_cast<std::uint64_t>(mixed) == std::bit_cast<std::uint64_t>(centered_by_parts(n, y, x, xx)));
    not_zero += (alone != 0) + (both != 0);
  }
  CHECK(not_zero > 5000);
}

TEST_CASE("the centred sum of values far from zero is that of their differences") {
  ExactSum x, xx;
  for (const double value : {1e15 + 1, 1e15 + 2, 1e15 + 3, 1e15 + 4}) {
    x.add(value);
    xx.add_product(value, value);
  }
  CHECK(centered(4, x, x, xx) == 5.0);
}
