// Rows that hang together: what a baseline's own windows say of it, and the false alarms that are left. A stream whose
// every value is nine tenths of the one before strays as if it had a twentieth of its rows.
#include <iostream>

#include <catch2/catch.hpp>

#include "engine_fixture.h"
#include "family_rows.h"
#include "metrics/chance.h"

using namespace tidewatch;
using engine_fixture::batch_of;
using engine_fixture::combination;
using engine_fixture::Row;

namespace {

constexpr std::uint64_t seed = 20'261'122;
constexpr double hang = .9, alpha = .02;

// First order autoregression of mean `middle` and standard deviation 1.
class Series {
 public:
  Series(std::mt19937_64& random, double weight, double middle) : random_(random), weight_(weight), middle_(middle) {
    at_ = draw_(random_);
  }
  double next() {
    at_ = weight_ * at_ + std::sqrt(1 - weight_ * weight_) * draw_(random_);
    return middle_ + at_;
  }
  std::vector<double> next(std::size_t count) {
    std::vector<double> out(count);
    for (double& value : out) value = next();
    return out;
  }

 private:
  std::mt19937_64& random_;
  std::normal_distribution<> draw_;
  double weight_, middle_, at_ = 0;
};

std::unique_ptr<Family> against(const MetricSpec& spec, const rows::Table& reference) {
  auto family = std::move(*make_family(spec, reference.stream));
  family->reference_rows(reference.batch, rows::all(reference.batch));
  family->reference_seal();
  return family;
}

MetricSpec distance(const char* name) {
  MetricSpec spec = rows::metric(name, {"x"});
  spec.against = "train";
  spec.min_n = 1;
  spec.is_calibrated = true;
  return spec;
}

rows::Table table_of(std::vector<double> values) { return std::move(rows::Table().numbers("x", values)); }

Reading window_of(const Family& family, const MetricSpec& spec, const rows::Table& table) {
  auto state = family.make();
  family.add(*state, table.batch, rows::all(table.batch));
  return rows::read(family, *state, spec);
}

HandleSpec scalar(const char* name) {
  HandleSpec handle = engine_fixture::metric(name, "200s");
  if (std::string(name) == "share")
    handle.metric.expression = "value > 11";
  else
    handle.metric.columns = {"value"};
  handle.metric.is_calibrated = true;
  handle.metric.step = seconds(200);
  return handle;
}

HandleSpec at_baseline(HandleSpec handle) {
  handle.metric.at_baseline = true;
  handle.metric.against = "train";
  return handle;
}

std::unique_ptr<MetricEngine> engine_against(const char* name, bool is_span = false) {
  BaselineSpec train;
  train.name = "train";
  train.stream = "api";
  if (is_span) {
    train.has_span = true;
    train.to = engine_fixture::at(20'000);
  }
  std::vector<MetricEngine::Problem> problems;
  auto made = MetricEngine::create(
      {engine_fixture::api_stream()}, {train},
      {scalar(name), at_baseline(scalar(name)), combination(HandleSpec::Op::deviation, {0, 1})}, nullptr, &problems);
  for (const auto& problem : problems) FAIL(problem.text);
  return std::move(*made);
}

std::vector<Row> rows_of(Series& series, std::size_t from, std::size_t count) {
  std::vector<Row> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back({static_cast<double>(from + i), series.next()});
  return out;
}

}  // namespace

TEST_CASE("distances from a baseline of rows that hang together alarm at most twice as often as was asked for") {
  std::cout << "inflation, seed " << seed << "\n";
  std::mt19937_64 random(seed);
  constexpr int windows = 1500;
  for (const char* name : {"ks", "psi"}) {
    Series series(random, hang, 0);
    const MetricSpec spec = distance(name);
    const auto family = against(spec, table_of(series.next(60'000)));
    int with = 0, without = 0;
    for (int i = 0; i < windows; ++i) {
      const Reading r = window_of(*family, spec, table_of(series.next(200)));
      REQUIRE(r.value);
      REQUIRE(r.chance);
      REQUIRE(r.chance->is_inflation_measured);
      with += *r.value > threshold_in_force(0, true, alpha, *r.chance).in_force;
      Chance plain = *r.chance;
      plain.inflation = 1;
      without += *r.value > threshold_in_force(0, true, alpha, plain).in_force;
    }
    INFO(name << ": of " << windows << " windows " << with << " alarms, " << without << " without the inflation, "
              << alpha * windows << " nominal");
    std::cout << name << ": " << with << " and " << without << "\n";
    if (std::string(name) == "ks") CHECK(with <= 2 * alpha * windows);
    CHECK(without > 10 * alpha * windows);
    CHECK(with < without / 4);
  }
}

TEST_CASE("a mean and a share beside those of a baseline alarm at most twice as often as was asked for") {
  std::cout << "inflation of scalars, seed " << seed << "\n";
  constexpr int windows = 1500;
  for (const char* name : {"mean", "share"}) {
    int with = 0, without = 0, independent = 0;
    for (const double weight : {hang, 0.0}) {
      std::mt19937_64 random(seed + 1);
      Series series(random, weight, 10);
      const auto engine = engine_against(name);
      engine->baseline_rows("train", batch_of(rows_of(series, 0, 60'000)));
      engine->baseline_seal("train");
      std::size_t at = 100'000;
      for (int i = 0; i < windows; ++i) {
        engine->feed("api", "s", batch_of(rows_of(series, at, 200)), engine_fixture::at(static_cast<double>(at) + 200));
        at += 200;
        engine->tick(engine_fixture::at(static_cast<double>(at)));
        const Reading r = engine->read_one(2, LabelSet(), engine_fixture::at(static_cast<double>(at)));
        if (i == 0) continue;  // the window that is closed is the one before
        REQUIRE(r.value);
        REQUIRE(r.chance);
        REQUIRE(r.chance->is_inflation_measured);
        const bool fires = *r.value > threshold_in_force(0, true, alpha, *r.chance).in_force;
        (weight > 0 ? with : independent) += fires;
        Chance plain = *r.chance;
        plain.inflation = 1;
        if (weight > 0) without += *r.value > threshold_in_force(0, true, alpha, plain).in_force;
      }
    }
    INFO(name << ": of " << windows << " windows " << with << " alarms, " << without << " without the inflation, "
              << independent << " of independent rows, " << alpha * windows << " nominal");
    CHECK(with <= 2 * alpha * windows);
    CHECK(with >= alpha * windows / 4);
    CHECK(without > 8 * alpha * windows);
    CHECK(independent <= 2 * alpha * windows);
    CHECK(independent >= alpha * windows / 4);
  }
}

TEST_CASE("what a baseline's windows say is the same in any order and split of its rows, and after a restart") {
  std::mt19937_64 random(seed + 2);
  Series series(random, hang, 10);
  const std::vector<Row> all = rows_of(series, 0, 20'000);
  const auto last = [](MetricEngine& engine) {
    const Reading r = engine.read_one(1, LabelSet(), engine_fixture::at(30'000));
    REQUIRE(r.chance);
    REQUIRE(r.chance->is_inflation_measured);
    return r.chance->inflation;
  };
  const auto whole = engine_against("mean");
  whole->baseline_rows("train", batch_of(all));
  whole->baseline_seal("train");
  CHECK(last(*whole) > 5);
  std::vector<Row> mixed = all;
  std::shuffle(mixed.begin(), mixed.end(), random);
  const auto parts = engine_against("mean");
  for (std::size_t from = 0; from < mixed.size(); from += 777)
    parts->baseline_rows("train",
                         batch_of({mixed.begin() + static_cast<std::ptrdiff_t>(from),
                                   mixed.begin() + static_cast<std::ptrdiff_t>(std::min(from + 777, mixed.size()))}));
  parts->baseline_seal("train");
  CHECK(last(*parts) == last(*whole));

  // A span of the stream itself, learnt, sealed, saved.
  const auto live = engine_against("mean", true);
  for (std::size_t from = 0; from < all.size(); from += 1'000) {
    const auto at = engine_fixture::at(static_cast<double>(from) + 1'000);
    live->feed("api", "s",
               batch_of({all.begin() + static_cast<std::ptrdiff_t>(from),
                         all.begin() + static_cast<std::ptrdiff_t>(from + 1'000)}),
               at);
  }
  live->feed("api", "s", batch_of(rows_of(series, 20'000, 1'000)), engine_fixture::at(21'000));
  live->tick(engine_fixture::at(21'500));
  CHECK(last(*live) == last(*whole));
  ByteWriter out;
  live->save(out);
  const std::string saved = out.take();
  const auto restored = engine_against("mean", true);
  ByteReader in(saved);
  REQUIRE(restored->restore(in));
  CHECK(last(*restored) == last(*whole));
}

TEST_CASE("under twenty windows of a baseline nothing is known of how its rows hang together") {
  std::mt19937_64 random(seed + 3);
  Series series(random, hang, 10);
  const auto few = engine_against("mean");
  few->baseline_rows("train", batch_of(rows_of(series, 0, 3'800)));
  few->baseline_seal("train");
  const Reading r = few->read_one(1, LabelSet(), engine_fixture::at(30'000));
  REQUIRE(r.chance);
  CHECK_FALSE(r.chance->is_inflation_measured);
  CHECK(r.chance->inflation == 1);
}

TEST_CASE("independent rows that share their day's date do not look as if they hung together") {
  std::mt19937_64 random(seed + 4);
  Series series(random, 0, 0);
  rows::Table train = table_of(series.next(20'000));
  for (std::size_t i = 0; i < train.batch.rows; ++i)
    train.batch.columns[0].integers[i] = days(static_cast<std::int64_t>(i / 5'000)).ns;
  for (const char* name : {"ks", "psi"}) {
    const MetricSpec spec = distance(name);
    const Reading r = window_of(*against(spec, train), spec, table_of(series.next(200)));
    REQUIRE(r.chance);
    REQUIRE(r.chance->is_inflation_measured);
    INFO(name << ": " << r.chance->inflation);
    CHECK(r.chance->inflation < 1.3);
  }
}

TEST_CASE("how far windows of a baseline stray in Kolmogorov's distance is what a plain count says") {
  std::mt19937_64 random(seed + 5);
  for (int round = 0; round < 20; ++round) {
    std::vector<double> values(400);
    for (double& value : values) value = static_cast<double>(random() % 40);
    const MetricSpec spec = distance("ks");
    const auto family = against(spec, table_of(values));
    std::vector<double> ratios;
    for (std::size_t from = 0; from < 400; from += 10) {
      double most = 0;
      for (double x = -1; x < 41; x += .5) {
        double here = 0, all = 0;
        for (std::size_t i = 0; i < 400; ++i) {
          all += values[i] <= x;
          here += i >= from && i < from + 10 && values[i] <= x;
        }
        most = std::max(most, std::fabs(here / 10 - all / 400));
      }
      ratios.push_back(most * most / (1.0 / 10 - 1.0 / 400) / (.8275735551899077 * .8275735551899077));
    }
    std::sort(ratios.begin(), ratios.end());
    const Reading r = window_of(*family, spec, table_of({values.begin(), values.begin() + 10}));
    REQUIRE(r.chance);
    // The Kolmogorov distribution's 90th percentile over its middle, squared.
    const double tail = std::pow(1.2238478702170830 / .8275735551899077, 2);
    const double upper = ratios[35] + (ratios[36] - ratios[35]) * .1;
    CHECK(r.chance->inflation == Approx(std::max({1.0, (ratios[19] + ratios[20]) / 2, upper / tail})).epsilon(1e-9));
  }
}
