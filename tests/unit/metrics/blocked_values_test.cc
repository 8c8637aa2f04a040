// Values in blocks must be a plain sorted list, whatever came and went, in ranks and in places.
#include "metrics/statistics/blocked_values.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

using namespace tidewatch;

TEST_CASE("blocked values are the sorted list of what came and did not go, ranks included") {
  const unsigned seed = 512;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 12; ++round) {
    BlockedValues blocked;
    std::vector<double> expected, arrived;
    const bool rises = round % 3 == 0;  // the least go first: blocks empty from the front
    const unsigned different = round % 2 ? 7 : 100'000;
    for (int step = 0; step < 9'000; ++step) {
      const double value = rises ? step / 3 : static_cast<double>(random() % different) - 3;
      if (step % 3'000 == 1'000) {
        std::vector<double> many(1 + random() % 2'000, value);
        for (double& each : many) each += static_cast<double>(random() % 5);
        arrived.insert(arrived.end(), many.begin(), many.end());
        expected.insert(expected.end(), many.begin(), many.end());
        std::sort(expected.begin(), expected.end());
        blocked.add_all(std::move(many));
      }
      blocked.add(value);
      arrived.push_back(value);
      expected.insert(std::upper_bound(expected.begin(), expected.end(), value), value);
      for (std::size_t most = step % 4'000 < 3'000 ? 2'500 : 40; arrived.size() > most;) {
        const double gone = arrived.front();
        arrived.erase(arrived.begin());
        REQUIRE(blocked.remove(gone));
        expected.erase(std::lower_bound(expected.begin(), expected.end(), gone));
      }
      REQUIRE(blocked.size() == expected.size());
      const std::size_t rank = random() % expected.size();
      REQUIRE(blocked.at(rank) == expected[rank]);
      const double asked = value + (random() % 3 ? 0 : 0.5);
      REQUIRE(blocked.count_below(asked) ==
              static_cast<std::size_t>(std::lower_bound(expected.begin(), expected.end(), asked) - expected.begin()));
      if (step % 500 == 0) REQUIRE(blocked.in_order() == expected);
    }
    CHECK_FALSE(blocked.remove(-1e9));
    CHECK_FALSE(blocked.remove(0.25));
    CHECK_FALSE(blocked.remove(1e9));
    CHECK(blocked.in_order() == expected);
    // Blocks that are nearly empty are joined: what is kept is of the order of what is held.
    CHECK(blocked.heap_bytes() < 64 * 1024 + 64 * expected.size());
  }
}
