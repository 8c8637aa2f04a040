// The Kolmogorov-Smirnov distance is the widest gap of two distribution functions, at any value of either sample:
// counted here value by value, as whole numbers.
#include <catch2/catch.hpp>

#include <random>

#include "family_rows.h"

using namespace tidewatch;

TEST_CASE("ks is the widest gap counted at each value, with ties, of samples of any sizes") {
  const unsigned seed = 58;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 400; ++round) {
    const auto sample = [&](std::size_t count, unsigned different) {
      std::vector<double> values(count);
      for (double& value : values) value = static_cast<double>(random() % different) - 2;
      return values;
    };
    const unsigned different = round % 2 ? 2 + random() % 9 : 500;
    const std::vector<double> now = sample(1 + random() % (round % 5 ? 60 : 900), different);
    const std::vector<double> then = sample(20 + random() % (round % 3 ? 60 : 700), different + random() % 5);
    const auto n = static_cast<std::int64_t>(now.size()), m = static_cast<std::int64_t>(then.size());
    std::int64_t widest = 0;
    for (unsigned each = 0; each < different + 5; ++each) {
      const auto up_to = [at = static_cast<double>(each) - 2](double value) { return value <= at; };
      const std::int64_t i = std::count_if(now.begin(), now.end(), up_to);
      widest = std::max(widest, std::abs(i * m - std::count_if(then.begin(), then.end(), up_to) * n));
    }
    rows::Table table, reference;
    table.numbers("x", now);
    reference.numbers("x", then);
    MetricSpec spec = rows::metric("ks", {"x"});
    spec.against = "train";
    spec.min_n = 1;
    INFO("round " << round << ": " << n << " against " << m);
    CHECK(rows::read(spec, table, &reference).value ==
          static_cast<double>(widest) / (static_cast<double>(n) * static_cast<double>(m)));
  }
}
