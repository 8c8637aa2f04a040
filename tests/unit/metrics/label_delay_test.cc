// The delay curve against the vector of the design page and a second way to compute it.
#include "metrics/joins/label_delay.h"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace tidewatch;

namespace {

// S(t) by the definition, row by row: at each event time the share of those still at risk that goes on.
double survival_at(const std::vector<std::pair<int, bool>>& rows, int t) {
  double s = 1;
  for (int u = 0; u <= t; ++u) {
    int at_risk = 0, events = 0;
    for (const auto& [time, known] : rows) {
      at_risk += time >= u;
      events += known && time == u;
    }
    if (events) s *= 1 - static_cast<double>(events) / at_risk;
  }
  return s;
}

DelayCounts counts_of(const std::vector<std::pair<int, bool>>& rows) {
  DelayCounts out;
  for (const auto& [time, known] : rows) ++(known ? out.known : out.censored)[time];
  return out;
}

}  // namespace

TEST_CASE("the delay vector has its median at 6") {
  const std::vector<std::pair<int, bool>> rows = {{1, true}, {2, true},  {2, false}, {3, true},  {5, true},
                                                  {6, true}, {6, false}, {8, true},  {8, false}, {8, false}};
  CHECK(survival_at(rows, 1) == Approx(.9));
  CHECK(survival_at(rows, 2) == Approx(.8));
  CHECK(survival_at(rows, 3) == Approx(.6857142857));
  CHECK(survival_at(rows, 5) == Approx(.5714285714));
  CHECK(survival_at(rows, 6) == Approx(.4571428571));
  CHECK(delay_quantile(counts_of(rows), 0.5) == 6);
  CHECK(delay_quantile(counts_of(rows), 0.1) == 1);
  CHECK(delay_quantile(counts_of(rows), 0.99) == std::nullopt);
  CHECK(counts_of(rows).rows() == 10);
}

TEST_CASE("a curve without censoring is the quantile of the delays, and one without labels has none") {
  DelayCounts four;
  for (int t = 1; t <= 4; ++t) ++four.known[t];
  CHECK(delay_quantile(four, 0.5) == 2);  // S(2) is exactly one half
  CHECK(delay_quantile(four, 1) == 4);
  DelayCounts none;
  none.censored[7] = 3;
  CHECK(delay_quantile(none, 0.5) == std::nullopt);
  CHECK(delay_quantile(DelayCounts(), 0.5) == std::nullopt);
}

TEST_CASE("random curves agree with the definition") {
  std::mt19937_64 rng(3);
  for (int round = 0; round < 500; ++round) {
    INFO("round " << round << " of seed 3");
    std::vector<std::pair<int, bool>> rows;
    for (auto n = rng() % 30; n > 0; --n) rows.emplace_back(static_cast<int>(rng() % 12), rng() % 3 != 0);
    const double q = static_cast<double>(rng() % 20) / 20 + 0.013;
    std::optional<std::int64_t> wanted;
    for (int t = 0; t < 12 && !wanted && !rows.empty(); ++t)
      if (survival_at(rows, t) <= 1 - q) wanted = t;
    CHECK(delay_quantile(counts_of(rows), q) == wanted);
  }
}
