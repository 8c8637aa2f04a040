// AUC is the share of pairs of a positive and a negative that the score has in the right order, tied ones by half:
// counted here pair by pair, as whole numbers.
#include <catch2/catch.hpp>

#include <random>

#include "family_rows.h"

using namespace tidewatch;

TEST_CASE("auc is the share of pairs in order counted one by one, with ties and few of either outcome") {
  const unsigned seed = 61;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    const std::size_t count = 2 + random() % 150;
    const unsigned different = round % 2 ? 1 + random() % 6 : 1000, positive = 1 + random() % 20;
    std::vector<double> scores(count);
    std::vector<std::int64_t> outcomes(count);
    for (std::size_t i = 0; i < count; ++i) {
      scores[i] = static_cast<double>(random() % different) / 8;
      outcomes[i] = i == 0 || (i > 1 && random() % 21 < positive);  // one of either at least
    }
    std::int64_t twice = 0, positives = 0;
    for (std::size_t i = 0; i < count; ++i) {
      positives += outcomes[i];
      for (std::size_t j = 0; j < count && outcomes[i] == 1; ++j)
        if (outcomes[j] == 0) twice += 2 * (scores[i] > scores[j]) + (scores[i] == scores[j]);
    }
    rows::Table table;
    table.numbers("p", scores).integers("y", outcomes);
    MetricSpec spec = rows::metric("auc", {"p", "y"});
    spec.min_n = 1;
    INFO("round " << round << ": " << positives << " of " << count);
    const auto p = static_cast<double>(positives), n = static_cast<double>(count) - p;
    CHECK(rows::read(spec, table).value == static_cast<double>(twice) / (2 * p * n));
  }
}
