// Buckets stand in a row of counts while they are near one another and in slots otherwise: neither form may show, in
// the bytes, in the merges or in what stands at a rank.
#include "metrics/statistics/bucket_sketch.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

using namespace tidewatch;

namespace {

std::string bytes_of(const BucketSketch& sketch) {
  ByteWriter out;
  sketch.write(out);
  return out.take();
}

}  // namespace

TEST_CASE("a bucket sketch says the same of one set however it was parted, and is within its bound at each rank") {
  const unsigned seed = 46;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 60; ++round) {
    // Narrow; narrow and negative; both signs; beyond sixteen binades; beyond 2,048 buckets; some noughts in between.
    std::vector<double> values(200 + random() % 4'000);
    for (double& value : values) {
      const double narrow = std::exp(3 + 0.8 * std::normal_distribution<>()(random));
      const double wide = std::exp(std::uniform_real_distribution<>(-300, 300)(random));
      switch (round % 5) {
        case 0:
          value = narrow;
          break;
        case 1:
          value = -narrow;
          break;
        case 2:
          value = random() % 2 ? narrow : -narrow;
          break;
        case 3:
          value = random() % 50 ? narrow : 1e-9 * narrow;
          break;
        default:
          value = wide;
      }
      if (random() % 30 == 0) value = 0;
    }
    BucketSketch whole, merged, backwards;
    std::vector<BucketSketch> parts(1 + random() % 40);
    for (const double value : values) {
      whole.add(value);
      parts[random() % parts.size()].add(value);
    }
    for (const BucketSketch& part : parts) merged.merge(part);
    for (std::size_t i = parts.size(); i-- > 0;) backwards.merge(parts[i]);
    REQUIRE(bytes_of(merged) == bytes_of(whole));
    REQUIRE(bytes_of(backwards) == bytes_of(whole));
    BucketSketch restored;
    const std::string saved = bytes_of(whole);
    ByteReader in(saved);
    REQUIRE(restored.read(in));
    REQUIRE(bytes_of(restored) == saved);
    std::sort(values.begin(), values.end());
    for (std::uint64_t rank = 0; rank < values.size(); rank += 1 + rank % 7) {
      const double at = whole.at_rank(rank);
      REQUIRE(std::fabs(at - values[rank]) <= whole.relative_bound() * std::fabs(values[rank]) * (1 + 1e-12));
      REQUIRE(restored.at_rank(rank) == at);
      REQUIRE(backwards.at_rank(rank) == at);
    }
  }
}

TEST_CASE("a bucket sketch counts on where thirty-two bits end") {
  BucketSketch sketch, other;
  for (const double value : {1.0, 2.0, 3.0}) sketch.add(value, 1'500'000'000);
  CHECK(sketch.total() == 4'500'000'000);
  CHECK(sketch.at_rank(1'499'999'999) == Approx(1).epsilon(0.01));
  CHECK(sketch.at_rank(1'500'000'000) == Approx(2).epsilon(0.01));
  CHECK(sketch.at_rank(4'499'999'999) == Approx(3).epsilon(0.01));
  for (int i = 0; i < 3; ++i) other.add(2, 1'400'000'000);
  other.merge(sketch);
  const BucketSketch same = other;
  other.merge(same);
  CHECK(other.total() == 17'400'000'000);
  CHECK(other.at_rank(2'999'999'999) == Approx(1).epsilon(0.01));
  CHECK(other.at_rank(3'000'000'000) == Approx(2).epsilon(0.01));
  CHECK(other.at_rank(14'399'999'999) == Approx(2).epsilon(0.01));
  CHECK(other.at_rank(14'400'000'000) == Approx(3).epsilon(0.01));
}
