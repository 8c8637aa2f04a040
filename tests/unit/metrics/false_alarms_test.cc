// How often the thresholds in force are passed when nothing changed, and how seldom a real drift is missed: the promise
// behind false_alarms, on seeded draws. Rates are printed with every check.
#include <catch2/catch.hpp>

#include <random>

#include "engine_fixture.h"
#include "family_rows.h"

using namespace tidewatch;
using rows::metric;
using rows::Table;

namespace {

constexpr unsigned seed = 20261121;

Table normal(std::mt19937& random, std::size_t n, double shift = 0) {
  std::vector<double> x(n);
  std::normal_distribution<> draw(shift, 1);
  for (double& value : x) value = draw(random);
  return std::move(Table().numbers("x", x));
}

// A metric against one reference of `n_reference` rows.
struct Against {
  MetricSpec spec;
  std::unique_ptr<Family> family;

  Against(const std::string& name, int bins, const Table& reference) : spec(metric(name, {"x"})) {
    spec.against = "train";
    spec.min_n = 1;
    spec.is_calibrated = true;
    if (bins != 10) spec.bins = std::to_string(bins);
    family = std::move(*make_family(spec, reference.stream));
    family->reference_rows(reference.batch, rows::all(reference.batch));
    family->reference_seal();
  }
  bool fires(const Table& window, double asked, double alpha) const {
    auto state = family->make();
    family->prepare(window.batch);
    family->add(*state, window.batch, rows::all(window.batch));
    const Reading r = rows::read(*family, *state, spec);
    REQUIRE(r.value);
    REQUIRE(r.chance);
    Chance chance = *r.chance;
    chance.inflation = 1;  // these rows are independent, and the promise is the chi-square's
    return *r.value > threshold_in_force(asked, true, alpha, chance).in_force;
  }
};

}  // namespace

TEST_CASE("a thousand windows without drift give at most twice the false alarms that were asked for") {
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const int sizes[] = {100, 1'000, 10'000}, bins[] = {10, 20};
  constexpr double alphas[] = {.05, .01};
  for (const int n : sizes) {
    // [bins][alpha]; twenty references of fifty windows, so that no odd reference decides.
    int alarms[2][2] = {}, ks_alarms[2] = {};
    for (int reference = 0; reference < 20; ++reference) {
      const Table train = normal(random, 10'000);
      const Against ten("psi", bins[0], train), twenty("psi", bins[1], train), ks("ks", 10, train);
      for (int window = 0; window < 50; ++window) {
        const Table now = normal(random, static_cast<std::size_t>(n));
        for (int a = 0; a < 2; ++a) {
          alarms[0][a] += ten.fires(now, 0, alphas[a]);
          alarms[1][a] += twenty.fires(now, 0, alphas[a]);
          if (n <= 1'000) ks_alarms[a] += ks.fires(now, 0, alphas[a]);
        }
      }
    }
    for (int a = 0; a < 2; ++a) {
      const double nominal = alphas[a] * 1000;
      for (int b = 0; b < 2; ++b) {
        INFO("psi, n " << n << ", " << bins[b] << " bins: " << alarms[b][a] << " alarms, " << nominal << " nominal");
        CHECK(alarms[b][a] <= 2 * nominal);
        CHECK(alarms[b][a] >= nominal / 4);  // a threshold that is never passed would pass the line above
      }
      if (n > 1'000) continue;
      INFO("ks, n " << n << ": " << ks_alarms[a] << " alarms, " << nominal << " nominal");
      CHECK(ks_alarms[a] <= 2 * nominal);
      CHECK(ks_alarms[a] >= nominal / 4);
    }
  }
}

TEST_CASE("half a standard deviation of drift is found in 500 rows at least 95 times in 100") {
  INFO("seed " << seed);
  std::mt19937 random(seed + 1);
  const Table train = normal(random, 10'000);
  constexpr double monthly = 1.0 / 30 / 20.14;  // of day windows read at sixty panes
  for (const char* name : {"psi", "ks", "js", "hellinger", "kl"}) {
    const Against against(name, 10, train);
    const double asked = std::string(name) == "psi" ? .1 : 0;
    int found = 0;
    for (int i = 0; i < 100; ++i) found += against.fires(normal(random, 500, .5), asked, monthly);
    INFO(name << " found " << found << " of 100");
    CHECK(found >= 95);
  }
}

TEST_CASE("a share, a mean, a quantile and an AUC pass their thresholds no more than twice as often as asked") {
  INFO("seed " << seed);
  std::mt19937 random(seed + 2);
  constexpr double alpha = .02;
  constexpr int windows = 3000;
  int share = 0, low_share = 0, mean = 0, loss = 0, area = 0, slow = 0;
  const double true_area = .7602499389;  // P(N(1, 1) > N(0, 1)) = Φ(1/√2)
  for (int i = 0; i < windows; ++i) {
    std::vector<double> x, p;
    std::vector<std::int64_t> y;
    for (int k = 0; k < 200; ++k) {
      x.push_back(std::exponential_distribution<>(1)(random));
      y.push_back(std::uniform_real_distribution<>()(random) < .3);
      p.push_back(std::normal_distribution<>(y.back() ? 1 : 0, 1)(random));
    }
    const Table table = std::move(Table().numbers("x", x).numbers("p", p).integers("y", y));
    const auto fires = [&](MetricSpec spec, double asked, bool is_above) {
      spec.is_calibrated = true;
      spec.min_n = 1;
      const Reading r = rows::read(spec, table);
      REQUIRE(r.chance);
      const double limit = threshold_in_force(asked, is_above, alpha, *r.chance).in_force;
      return is_above ? *r.value > limit : *r.value < limit;
    };
    MetricSpec of = metric("share", {});
    of.expression = "y == 1";
    share += fires(of, .3, true);
    low_share += fires(of, .3, false);
    mean += fires(metric("mean", {"x"}), 1, true);
    loss += fires(metric("mean", {"p"}), .3, false);
    slow += fires(metric("p90", {"x"}), std::log(10.0), true);
    area += fires(metric("auc", {"p", "y"}), true_area, false);
  }
  INFO("of " << windows << " windows, nominal " << alpha * windows << ": share above " << share << ", below "
             << low_share << ", mean above " << mean << ", mean below " << loss << ", auc below " << area
             << ", p90 above " << slow);
  CHECK(share <= 2 * alpha * windows);
  CHECK(low_share <= 2 * alpha * windows);
  CHECK(mean <= 2 * alpha * windows);
  CHECK(loss <= 2 * alpha * windows);
  CHECK(area <= 2 * alpha * windows);
  CHECK(slow <= 2 * alpha * windows);
  for (const int count : {share, low_share, loss, area, slow}) CHECK(count >= alpha * windows / 4);
}
