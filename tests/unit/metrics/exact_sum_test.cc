// Sums of many values at once, and products by whole numbers, against the plain way: one add() a value, a product as
// its rounded value and what std::fma says is missing. Equal sums are equal bytes.
#include <iostream>

#include <catch2/catch.hpp>

#include "engine_fixture.h"
#include "metrics/statistics/exact_sum.h"

using namespace tidewatch;

namespace {

std::string bytes_of(const ExactSum& sum) {
  ByteWriter out;
  sum.write(out);
  return out.take();
}

void add_plainly(ExactSum& sum, double a, double b) {
  const double product = a * b;
  sum.add(product);
  sum.add(std::fma(a, b, -product));
}

// Whole numbers, prices, one far from zero, one with zeros, any exponent whose square is finite, subnormal, the edges.
double draw(std::mt19937_64& random, unsigned kind) {
  const double unit = static_cast<double>(random() >> 11) * 0x1p-53, sign = random() % 2 ? 1 : -1;
  switch (kind) {
    case 0:
      return sign * static_cast<double>(random() % 100'000);
    case 1:
      return static_cast<double>(random() % 100'000) / 100;
    case 2:
      return 1e15 + unit;
    case 3:
      return random() % 3 == 0 ? sign * 0.0 : sign * unit;
    case 4:
      return sign * std::ldexp(0.5 + unit / 2, static_cast<int>(random() % 990) - 495);
    case 5:
      return sign * std::ldexp(unit, -1040 - static_cast<int>(random() % 30));
    case 6:
      return sign * std::ldexp(0.5 + unit / 2, -538 + static_cast<int>(random() % 60));  // squares around the least
    default:
      return random() % 2 ? 9.9e149 * sign : sign * 0x1p-1074;
  }
}
constexpr unsigned kinds = 8;

}  // namespace

TEST_CASE("values added at once give the bits of values added one by one, whatever their kind and number") {
  const std::uint64_t seed = 20'261;
  std::cout << "exact sums, seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (int i = 0; i < 1500; ++i) {
    const unsigned kind = static_cast<unsigned>(random() % (kinds + 1));
    const std::size_t count = random() % 5 ? random() % 40 : random() % 3000;
    INFO("kind " << kind << ", " << count << " values, case " << i);
    std::vector<double> values(count);
    for (double& value : values) value = draw(random, kind < kinds ? kind : static_cast<unsigned>(random() % kinds));
    ExactSum plain, plain_squares, sum, squares, products;
    for (const double value : values) {
      plain.add(value);
      add_plainly(plain_squares, value, value);
      products.add_product(value, value);
    }
    const std::size_t cut = count ? random() % count : 0;
    sum.add_all(std::span(values).first(cut));
    squares.add_squares(std::span(values).first(cut));
    sum.add_all(std::span(values).subspan(cut));
    squares.add_squares(std::span(values).subspan(cut));
    REQUIRE(bytes_of(sum) == bytes_of(plain));
    REQUIRE(bytes_of(products) == bytes_of(plain_squares));
    REQUIRE(bytes_of(squares) == bytes_of(plain_squares));
  }
}

TEST_CASE("the product of two values is as exact as its rounded value and the rest of it") {
  const std::uint64_t seed = 20'262;
  std::cout << "exact products, seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (int i = 0; i < 3000; ++i) {
    const auto left = static_cast<unsigned>(random() % kinds), right = static_cast<unsigned>(random() % kinds);
    INFO("kinds " << left << " and " << right << ", case " << i);
    ExactSum plain, sum;
    for (std::uint64_t k = random() % 20; k-- > 0;) {
      const double a = draw(random, left), b = draw(random, right);
      sum.add_product(a, b);
      add_plainly(plain, a, b);
    }
    REQUIRE(bytes_of(sum) == bytes_of(plain));
  }
}

TEST_CASE("a long sum of one sign carries in time") {
  // 2^52 - 1 in each add is the most a chunk can gain; a hundred thousand of them would overflow without a carry.
  const double most = std::nextafter(0x1p53, 0.0) * 0x1p31;
  ExactSum sum, squares, plain;
  const std::vector<double> values(512, most);
  for (int i = 0; i < 40; ++i) {
    sum.add_all(values);
    squares.add_squares(values);
  }
  for (int i = 0; i < 40 * 512; ++i) plain.add(most);
  CHECK(bytes_of(sum) == bytes_of(plain));
  CHECK(sum.value() == most * (40 * 512));
  CHECK(squares.value() == most * most * (40 * 512));
}

TEST_CASE("squares of whole numbers take no more memory than the numbers they are") {
  std::vector<double> values;
  for (int i = 1; i < 600; ++i) values.push_back(i * 0x1p20);
  values.push_back(0x1p49);
  ExactSum squares;
  squares.add_squares(values);
  CHECK(squares.memory_bytes() == sizeof(ExactSum));
}
