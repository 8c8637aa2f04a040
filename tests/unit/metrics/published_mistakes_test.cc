// Mistakes that other tools published, as regression cases: each name says whose, each number is what is right.
#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <random>

#include "engine_fixture.h"
#include "family_rows.h"

using namespace tidewatch;
using rows::metric;
using rows::Table;

namespace {

double value(const Reading& reading) {
  INFO(reading.reason);
  REQUIRE(reading.value.has_value());
  return *reading.value;
}

Table pair(const std::vector<double>& p, const std::vector<std::int64_t>& y) {
  Table table;
  table.numbers("p", p).integers("y", y);
  return table;
}

Reading drift(const std::string& name, const std::vector<double>& reference, const std::vector<double>& now) {
  Table before, after;
  before.numbers("x", reference);
  after.numbers("x", now);
  MetricSpec spec = metric(name, {"x"});
  spec.against = "train";
  return rows::read(spec, after, &before);
}

}  // namespace

TEST_CASE("one row of 1000 does not hide a drift (Evidently 1400, 1873)") {
  const unsigned seed = 3;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<double> reference, now;
  for (int i = 0; i < 5000; ++i) reference.push_back(std::normal_distribution<>(0, 1)(random));
  for (int i = 0; i < 2000; ++i) now.push_back(std::normal_distribution<>(.5, 1)(random));
  const double before = value(drift("psi", reference, now));
  now.push_back(1000);
  const double after = value(drift("psi", reference, now));
  CHECK(before > .18);
  CHECK(std::fabs(after - before) < .002);
}

TEST_CASE("a negative target has a percentage error like any other (Evidently MAPE)") {
  Table table;
  table.numbers("f", {-110, 90}).numbers("y", {-100, 100});
  CHECK(value(rows::read(metric("mape", {"f", "y"}), table)) == Approx(.1));
}

TEST_CASE("nothing predicted positive has no precision, not precision 0 (NannyML, scikit-learn)") {
  const Reading got = rows::read(metric("precision", {"p", "y"}), pair({.1, .2}, {1, 0}));
  CHECK(got.status == Status::undefined);
  CHECK_FALSE(got.value);
}

TEST_CASE("scores far below every threshold still rank (river ROCAUC)") {
  CHECK(value(rows::read(metric("auc", {"p", "y"}), pair({.001, .002, .003, .011, .012}, {0, 0, 1, 0, 1}))) ==
        Approx(5.0 / 6));
  CHECK(value(rows::read(metric("auc", {"p", "y"}), pair({.5, .5}, {1, 0}))) == .5);
  const Table one = pair(std::vector<double>(40, .5), std::vector<std::int64_t>(40, 1));
  CHECK(rows::read(metric("auc", {"p", "y"}), one).status == Status::undefined);
}

TEST_CASE("a spike that left the window leaves nothing behind (pandas rolling)") {
  using namespace engine_fixture;
  for (const double spike : {1e16, 1e149, 1e300}) {
    INFO(spike);
    auto engine = engine_of({engine_fixture::metric("mean", "1m", {"value"}),
                             engine_fixture::metric("standard_deviation", "1m", {"value"})});
    engine->feed("api", "s", batch_of({{1, spike}, {2, 2}}), at(2));
    for (const int s : {61, 62, 63, 64}) engine->feed("api", "s", batch_of({{s * 1.0, s - 60.0}}), at(s));
    engine->read_one(0, LabelSet(), at(64));
    engine->feed("api", "s", batch_of({{121, 0}}), at(121));
    CHECK(value(engine->read_one(0, LabelSet(), at(121))) == 2.5);
    CHECK(value(engine->read_one(1, LabelSet(), at(121))) == Approx(1.2909944487358056).epsilon(1e-15));
  }
}

TEST_CASE("NaN is excluded and counted, never compared (scipy ks_2samp)") {
  std::vector<double> reference, now;
  for (int i = 0; i < 40; ++i) reference.push_back(i), now.push_back(i % 2 ? i + 20.0 : std::nan(""));
  const Reading got = drift("ks", reference, now);
  CHECK(got.excluded == 20);
  CHECK(value(got) > .4);
  CHECK(*got.p_value < .05);
}

TEST_CASE("a constant target has no R2 and a zero target no percentage (scikit-learn 30079)") {
  Table flat, zero;
  flat.numbers("f", {1, 2, 3}).numbers("y", {2, 2, 2});
  zero.numbers("f", {1}).numbers("y", {0});
  CHECK(rows::read(metric("r2", {"f", "y"}), flat).status == Status::undefined);
  MetricSpec mape = metric("mape", {"f", "y"});
  const Reading got = rows::read(mape, zero);
  CHECK_FALSE(got.value);
  CHECK(got.excluded_by == std::vector<std::pair<std::string, std::uint64_t>>{{"zero_target", 1}});
}

TEST_CASE("many equal values are a bin of their own (probatus 112)") {
  std::vector<double> reference(600, 0.0), same(60, 0.0), moved(30, 0.0);
  for (int i = 1; i <= 400; ++i) reference.push_back(i);
  for (int i = 1; i <= 40; ++i) same.push_back(i * 10);
  for (int i = 1; i <= 70; ++i) moved.push_back(i * 5.5);
  CHECK(value(drift("psi", reference, same)) < .01);
  CHECK(value(drift("psi", reference, moved)) > .3);
}

TEST_CASE("tied scores calibrate the same in any order (equal-mass ECE by index)") {
  std::vector<double> p(60, .35);
  std::vector<std::int64_t> y(60, 0);
  for (std::size_t i = 0; i < 20; ++i) y[i] = 1;
  const double first = value(rows::read(metric("ece", {"p", "y"}), pair(p, y)));
  std::reverse(y.begin(), y.end());
  CHECK(value(rows::read(metric("ece", {"p", "y"}), pair(p, y))) == first);
  CHECK(first == Approx(std::fabs(.35 - 1.0 / 3)));
}

TEST_CASE("a window's percentile and AUC are of its rows, not means of its panes' (NannyML 241)") {
  using namespace engine_fixture;
  auto engine = engine_of({engine_fixture::metric("p50", "1m", {"value"})});
  std::vector<Row> rows;
  for (int i = 0; i < 9; ++i) rows.push_back({1.0 + i * .01, 1});
  rows.push_back({59, 101});
  rows.push_back({61, 0});
  engine->feed("api", "s", batch_of(rows), at(61));
  CHECK(value(engine->read_one(0, LabelSet(), at(61))) == 1);  // the mean of two panes' medians is 51
}

TEST_CASE("rows counted in two shards are all counted (whylogs 681, asap_sketchlib 68)") {
  Table table;
  std::vector<double> x(500, 3);
  table.numbers("x", x);
  for (const std::string name : {"p95", "mean", "count"}) {
    const MetricSpec spec = metric(name, name == "count" ? std::vector<std::string>{} : std::vector<std::string>{"x"});
    auto family = std::move(*make_family(spec, table.stream));
    auto a = family->make(), b = family->make();
    family->add(*a, table.batch, rows::all(table.batch));
    family->add(*b, table.batch, rows::all(table.batch));
    family->merge(*a, *b);
    CHECK(rows::read(*family, *a, spec).n == 1000);
  }
}
