// Values that are kept in order must be a plain sorted list, whatever was added, merged and taken out between.
#include "metrics/statistics/sorted_values.h"

#include <catch2/catch.hpp>
#include <random>

using namespace tidewatch;

namespace {

std::vector<double> ordered(const SortedValues& values) {
  std::vector<double> scratch;
  return values.in_order(scratch);
}

}  // namespace

TEST_CASE("sorted values are the sorted list of what went in and did not come out, ties and all") {
  const unsigned seed = 512;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    SortedValues window;
    std::vector<double> expected;
    std::vector<SortedValues> panes;
    const unsigned different = 1 + random() % (round % 2 ? 5 : 1000);
    for (int step = 0; step < 12; ++step) {
      SortedValues pane;
      const std::size_t count = random() % (step % 3 ? 10 : 200);
      for (std::size_t i = 0; i < count; ++i) pane.add(static_cast<double>(random() % different) - 2);
      window.merge(pane);
      const std::vector<double> added = pane.in_any_order();
      expected.insert(expected.end(), added.begin(), added.end());
      if (random() % 4 == 0) {
        window.add(0.5);
        expected.push_back(0.5);
      }
      std::sort(expected.begin(), expected.end());
      REQUIRE(ordered(window) == expected);
      panes.push_back(std::move(pane));
      if (panes.size() > 4) {
        REQUIRE(window.take_out(panes.front()));
        for (const double value : panes.front().in_any_order())
          expected.erase(std::lower_bound(expected.begin(), expected.end(), value));
        panes.erase(panes.begin());
        REQUIRE(ordered(window) == expected);
      }
    }
  }
}

TEST_CASE("a value that is not there cannot be taken out") {
  SortedValues window, pane;
  for (const double value : {1.0, 2.0, 2.0, 3.0}) window.add(value);
  for (const double value : {2.0, 2.0, 2.0}) pane.add(value);
  CHECK_FALSE(window.take_out(pane));
}
