// A sample of rows whose panes leave again: what is left is what the other panes alone would have made, or nothing.
#include <iostream>

#include <catch2/catch.hpp>

#include "engine_fixture.h"
#include "metrics/statistics/row_sample.h"

using namespace tidewatch;

namespace {

using Sample = RowSample<double>;

std::string bytes_of(const Sample& sample) {
  ByteWriter out;
  sample.write(out);
  return out.take();
}

void add_rows(Sample& sample, std::mt19937_64& random, std::size_t rows, std::uint64_t different) {
  for (std::size_t i = 0; i < rows; ++i) {
    const auto level = static_cast<std::uint8_t>(std::min(63, std::countl_zero(random() | 1)));
    if (random() % 10 == 0)
      sample.add_null(level);
    else
      sample.add(static_cast<double>(random() % different), level);
  }
}

}  // namespace

TEST_CASE("panes that are taken out of a sample leave what the others make, in any order of leaving") {
  const std::uint64_t seed = 4'711;
  std::cout << "samples, seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    std::vector<Sample> panes;
    for (std::size_t i = 2 + random() % 8; i-- > 0;) {
      panes.emplace_back(1'024);
      add_rows(panes.back(), random, random() % 200, 1 + random() % 300);
    }
    Sample all(100'000);
    for (const Sample& pane : panes) all.merge(pane);
    if (random() % 2) all.entries();  // in order already, or not yet
    while (!panes.empty()) {
      const auto gone = panes.begin() + static_cast<std::ptrdiff_t>(random() % panes.size());
      REQUIRE(all.take_out(*gone));
      panes.erase(gone);
      Sample rest(100'000);
      for (const Sample& pane : panes) rest.merge(pane);
      REQUIRE(bytes_of(all) == bytes_of(rest));
    }
  }
}

TEST_CASE("nothing is taken out of a sample that was thinned, nor what was never in it") {
  std::mt19937_64 random(4'712);
  Sample few(100), pane(1'024), stranger(1'024);
  add_rows(pane, random, 300, 1'000'000);
  few.merge(pane);
  few.entries();
  CHECK_FALSE(few.take_out(pane));
  Sample whole(100'000);
  whole.merge(pane);
  stranger.add(-1, 0);
  CHECK_FALSE(whole.take_out(stranger));
}
