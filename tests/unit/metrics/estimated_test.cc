// Estimated performance: the printed vectors, ties, what a baseline without labels says, and labels drawn from the
// probabilities, whose realised value must lie where the interval says.
#include <catch2/catch.hpp>

#include <random>

#include "engine_fixture.h"
#include "family_rows.h"
#include "metrics/statistics/isotonic.h"

using namespace tidewatch;
using rows::metric;
using rows::Table;

namespace {

Approx near(double value) { return Approx(value).epsilon(1e-9).margin(1e-9); }

double share(const IsotonicFit& fit, double score) {
  return static_cast<double>(fit(score)) / static_cast<double>(IsotonicFit::unit);
}

// A hundred rows a score, of which `share` are positive: the fit then answers the share itself.
Table labelled(const std::vector<double>& scores, const std::vector<double>& shares) {
  std::vector<double> p;
  std::vector<std::int64_t> y;
  for (std::size_t i = 0; i < scores.size(); ++i)
    for (int k = 0; k < 100; ++k) {
      p.push_back(scores[i]);
      y.push_back(k < std::lround(shares[i] * 100));
    }
  return std::move(Table().numbers("p", p).integers("y", y));
}

Table unlabelled(const std::vector<double>& scores) {
  return std::move(
      Table()
          .numbers("p", scores)
          .integers("y", std::vector<std::int64_t>(scores.size()), std::vector<std::uint8_t>(scores.size(), 1)));
}

Reading estimate(const std::string& name, const Table& now, const Table& reference) {
  MetricSpec spec = metric("estimated_" + name, {"p", "y"});
  spec.against = "train";
  spec.min_n = 1;
  return rows::read(spec, now, &reference);
}

double value(const std::string& name, const Table& now, const Table& reference) {
  const Reading r = estimate(name, now, reference);
  INFO(name << ": " << r.reason);
  REQUIRE(r.value);
  CHECK(r.n == now.batch.rows);
  CHECK((*r.low <= *r.value && *r.value <= *r.high));
  return *r.value;
}

}  // namespace

TEST_CASE("the isotonic fit is the printed one: pooled, linear between its steps, constant beyond its ends") {
  IsotonicFit fit;
  const double x[] = {.1, .2, .3, .4, .5, .6};
  const bool y[] = {false, true, false, true, true, true};
  for (int i = 5; i >= 0; --i) fit.add(x[i], y[i]);
  fit.fit();
  const double at[] = {0, .1, .2, .25, .3, .35, .4, .9}, expected[] = {0, 0, .5, .5, .5, .75, 1, 1};
  for (int i = 0; i < 8; ++i) {
    INFO(at[i]);
    CHECK(share(fit, at[i]) == near(expected[i]));
  }
  CHECK(fit.labelled() == 6);
  ByteWriter out;
  fit.write(out);
  IsotonicFit back;
  ByteReader in(out.bytes());
  REQUIRE(back.read(in));
  CHECK(in.at_end());
  for (const double each : at) CHECK(back(each) == fit(each));
  for (std::size_t cut = 0; cut < out.bytes().size(); ++cut) {
    ByteReader damaged(std::string_view(out.bytes()).substr(0, cut));
    IsotonicFit other;
    CHECK_FALSE(other.read(damaged));
  }
}

TEST_CASE("the isotonic fit rises, is the nearest rising function, and bears scores at the ends of the numbers") {
  std::mt19937 random(17);
  for (int round = 0; round < 300; ++round) {
    std::map<double, std::pair<double, double>> seen;  // score -> rows, positives
    IsotonicFit fit;
    const int n = 1 + static_cast<int>(random() % 60);
    for (int i = 0; i < n; ++i) {
      const double score = round % 3 ? static_cast<double>(random() % 20) / 20 : std::normal_distribution<>()(random);
      const bool positive = std::uniform_real_distribution<>()(random) < score;
      fit.add(score, positive);
      seen[score].first += 1;
      seen[score].second += positive;
    }
    fit.fit();
    double before = 0;
    std::map<double, std::pair<double, double>> pools;  // answer -> rows, positives
    for (const auto& [score, counts] : seen) {
      const double now = share(fit, score);
      CHECK(now >= before - 1e-12);
      before = now;
      pools[now].first += counts.first;
      pools[now].second += counts.second;
    }
    // Each level is the share of positives of the rows on it: the mark of the least squares solution.
    for (const auto& [level, counts] : pools) CHECK(level == near(counts.second / counts.first));
  }
  IsotonicFit wide;
  wide.add(-1.7e308, false);
  wide.add(1.7e308, true);
  wide.fit();
  CHECK(share(wide, 0) == near(.5));
  CHECK(share(wide, 1.7e308) == 1);
  IsotonicFit none;
  none.fit();
  CHECK(none(.5) == 0);
}

TEST_CASE("estimates give the printed vectors where a score is its own probability") {
  const std::vector<double> p = {.1, .2, .25, .35, .4, .55, .6, .75, .8, .95};
  const Table now = unlabelled(p), train = labelled(p, p);
  CHECK(value("accuracy", now, train) == near(.735));
  CHECK(value("precision", now, train) == near(.73));
  CHECK(value("recall", now, train) == near(.7373737374));
  CHECK(value("f1", now, train) == near(.7336683417));
  CHECK(value("auc", now, train) == near(.8285221887));
  // Of ten rows: the root of Σ c(1 - c), over ten.
  double doubt = 0;
  for (const double c : p) doubt += c * (1 - c);
  CHECK(*estimate("accuracy", now, train).high == near(.735 + 1.959963984540054 * std::sqrt(doubt) / 10));
}

TEST_CASE("tied scores count one half whatever the probabilities and the order of rows") {
  // Four rows at one score: a tool that ignores ties answers .3, .9 or .1 by row order.
  CHECK(value("auc", unlabelled({.5, .5, .5, .5}), labelled({.2, .5, .8}, {.1, .5, .9})) == .5);
  const std::vector<double> p = {.2, .2, .7, .7, .7, .9};
  const std::vector<double> at = {.2, .7, .9}, shares = {.1, .6, .8};
  const Table train = labelled(at, shares);
  double part = 0, whole = 0;
  const auto c = [&](double score) { return score == .2 ? .1 : score == .7 ? .6 : .8; };
  for (std::size_t i = 0; i < p.size(); ++i)
    for (std::size_t j = 0; j < p.size(); ++j) {
      if (i == j) continue;
      const double weight = c(p[i]) * (1 - c(p[j]));
      part += weight * (p[i] > p[j] ? 1 : p[i] == p[j] ? .5 : 0);
      whole += weight;
    }
  CHECK(value("auc", unlabelled(p), train) == near(part / whole));
}

TEST_CASE("labels drawn from the probabilities fall where the interval says") {
  std::mt19937 random(23);
  const std::vector<double> at = {.1, .3, .5, .7, .9}, shares = {.05, .2, .5, .7, .95};
  const Table train = labelled(at, shares);
  for (const char* name : {"accuracy", "precision", "recall", "f1", "auc"}) {
    int inside = 0;
    constexpr int rounds = 400;
    for (int round = 0; round < rounds; ++round) {
      std::vector<double> p;
      std::vector<std::int64_t> y;
      for (int i = 0; i < 300; ++i) {
        const std::size_t which = random() % 5;
        p.push_back(at[which]);
        y.push_back(std::uniform_real_distribution<>()(random) < shares[which]);
      }
      const Reading guess = estimate(name, unlabelled(p), train);
      const Table known = std::move(Table().numbers("p", p).integers("y", y));
      const Reading truth = rows::read(metric(name, {"p", "y"}), known);
      REQUIRE(truth.value);
      inside += *guess.low <= *truth.value && *truth.value <= *guess.high;
    }
    INFO(name << ": " << inside << " of " << rounds << " inside the 95 % interval");
    CHECK(inside > rounds * 91 / 100);
    CHECK(inside < rounds * 99 / 100);
  }
}

TEST_CASE("an estimate without labels or without an expected class has no value, and says why") {
  const Table now = unlabelled({.2, .8});
  const Reading bare = estimate("accuracy", now, unlabelled({.1, .9}));
  CHECK(bare.status == Status::undefined);
  CHECK(bare.reason == "no row of baseline \"train\" has both a score and its outcome");
  const Table train = labelled({.2, .8}, {0, 0});
  CHECK(estimate("recall", now, train).reason == "nothing is expected to be positive");
  CHECK(estimate("auc", now, train).reason == "one class is expected");
  CHECK(estimate("precision", unlabelled({.2, .3}), labelled({.2, .8}, {.5, .5})).reason ==
        "nothing was predicted positive");
  CHECK(estimate("accuracy", now, std::move(Table().numbers("p", {.1, .9}).integers("y", {0, 1}))).status ==
        Status::insufficient);
  auto without = make_family(metric("estimated_auc", {"p", "y"}), now.stream);
  CHECK(without.error().text.find("expected a baseline with labels") != std::string::npos);
  MetricSpec one = metric("estimated_auc", {"p"});
  one.against = "train";
  CHECK(make_family(one, now.stream).error().text.find("expected two columns, got 1") != std::string::npos);
}

TEST_CASE("beyond a million rows the estimated AUC stays within the bound it states") {
  const std::vector<double> at = {0, 1}, shares = {.02, .97};
  const Table train = labelled(at, shares);
  MetricSpec spec = metric("estimated_auc", {"p", "y"});
  spec.against = "train";
  spec.min_n = 1;
  auto family = std::move(*make_family(spec, train.stream));
  family->reference_rows(train.batch, rows::all(train.batch));
  family->reference_seal();
  std::mt19937 random(31);
  std::vector<double> p;
  for (int i = 0; i < 500'001; ++i) p.push_back(std::uniform_real_distribution<>()(random));
  const Table half = unlabelled(p);
  auto exact = family->make(), twice = family->make();
  family->add(*exact, half.batch, rows::all(half.batch));
  family->merge(*twice, *exact);
  family->merge(*twice, *exact);
  const Reading once = rows::read(*family, *exact, spec), both = rows::read(*family, *twice, spec);
  CHECK(once.error.kind == ErrorBound::Kind::exact);
  CHECK(both.error.kind == ErrorBound::Kind::absolute);
  CHECK(both.error.bound < 1e-4);
  CHECK(std::fabs(*both.value - *once.value) <= both.error.bound + 1e-6);  // each row twice: ties weigh a millionth
}

TEST_CASE("the engine names a file baseline that an estimate cannot use") {
  StreamSpec stream = engine_fixture::api_stream();
  BaselineSpec train;
  train.name = "train";
  train.stream = "api";
  train.file = "train.csv";
  HandleSpec estimated = engine_fixture::metric("estimated_accuracy", "5m", {"value", "host"});
  estimated.metric.against = "train";
  estimated.metric.positive = "a";
  auto engine = std::move(*MetricEngine::create({stream}, {train}, {estimated}, nullptr, nullptr));
  CHECK(engine->baseline_problem("train").empty());
  std::vector<engine_fixture::Row> rows;
  for (int i = 0; i < 30; ++i) rows.push_back({static_cast<double>(i), .5, "a", true});
  engine->baseline_rows("train", engine_fixture::batch_of(rows));
  engine->baseline_seal("train");
  CHECK(engine->baseline_problem("train") ==
        "baseline \"train\" for estimated_accuracy: no row has both a score and its outcome");
}
