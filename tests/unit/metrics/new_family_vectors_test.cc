// Printed vectors and worked examples of distances, ranks, counters and schedules, and what their error bounds promise.
#include <catch2/catch.hpp>

#include <cmath>
#include <random>

#include "engine_fixture.h"
#include "family_rows.h"
#include "metrics/statistics/ks_tail.h"
#include "metrics/windows/row_store.h"

using namespace tidewatch;
using rows::metric;
using rows::Table;

namespace {

Approx near(double value) { return Approx(value).epsilon(1e-9).margin(1e-10); }

double value(const Reading& reading) {
  INFO(reading.reason);
  REQUIRE(reading.value.has_value());
  return *reading.value;
}

Reading against(MetricSpec spec, const Table& reference, const Table& now) {
  spec.against = "train";
  return rows::read(spec, now, &reference);
}

Table numbers(const std::vector<double>& values) {
  Table table;
  table.numbers("x", values);
  return table;
}

// A table whose times are stated, in seconds.
Table timed(Table table, const std::vector<double>& times) {
  for (std::size_t i = 0; i < times.size(); ++i)
    table.batch.columns[0].integers[i] = static_cast<std::int64_t>(times[i] * 1e9);
  return table;
}

}  // namespace

TEST_CASE("Kolmogorov-Smirnov and Wasserstein give the printed vectors") {
  const Table a = numbers({38.7, 41.5, 43.8, 44.5, 45.5, 46, 47.7, 58}),
              b = numbers({39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8});
  MetricSpec ks = metric("ks", {"x"}), w = metric("wasserstein", {"x"}), scaled = w;
  scaled.scaled = true;
  const Reading distance = against(ks, a, b);
  CHECK(value(distance) == .625);
  CHECK(*distance.p_value == near(.0870240870));
  CHECK(distance.status == Status::insufficient);  // 8 of 20 rows
  CHECK(value(against(w, a, b)) == near(4.1625));
  CHECK(value(against(scaled, a, b)) == near(.7307794615));
  CHECK(value(against(ks, a, a)) == 0);
  CHECK(*against(ks, a, a).p_value == 1);
  CHECK(value(against(w, a, a)) == 0);
  const Table flat = numbers(std::vector<double>(30, 5)), other = numbers(std::vector<double>(30, 6));
  CHECK(against(scaled, flat, other).status == Status::undefined);
  CHECK(value(against(w, flat, other)) == 1);
  const Reading apart = against(ks, flat, other);
  CHECK(value(apart) == 1);
  CHECK(*apart.p_value == near(2 / 1.1826458156486114e17));  // 2 / C(60, 30): two of all orders
}

TEST_CASE("the tail of Kolmogorov's distribution is one function on both sides of its two expansions") {
  CHECK(kolmogorov_tail(1 - 1e-12) == Approx(kolmogorov_tail(1)).epsilon(1e-9));
  CHECK(kolmogorov_tail(1) == near(0.26999967167735456));
  CHECK(kolmogorov_tail(0.3) == near(0.9999906941986655));
  CHECK(kolmogorov_tail(0) == 1);
  CHECK(kolmogorov_tail(40) == 0);
}

TEST_CASE("beyond 100,000 rows the distances stay within the bound they state") {
  const unsigned seed = 11;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<double> before, now;
  for (int i = 0; i < 3000; ++i) before.push_back(std::normal_distribution<>(0, 1)(random));
  for (int i = 0; i < 100'000; ++i) now.push_back(std::normal_distribution<>(.2, 1.3)(random));
  const Table reference = numbers(before);
  for (const std::string name : {"ks", "wasserstein"}) {
    const Reading exact = against(metric(name, {"x"}), reference, numbers(now));
    CHECK(exact.error.kind == ErrorBound::Kind::exact);
    auto more = now;
    more.push_back(now[0]);  // one row over the limit, of the same distribution
    const Reading binned = against(metric(name, {"x"}), reference, numbers(more));
    CHECK(binned.error.kind == ErrorBound::Kind::absolute);
    CHECK(binned.error.bound > 0);
    CHECK(binned.error.bound < .05);
    CHECK(std::fabs(value(binned) - value(exact)) <= binned.error.bound + 2e-5);
  }
}

TEST_CASE("ranks and moments correlate as printed, and a constant has no correlation") {
  Table table;
  table.numbers("a", {1, 2, 3, 4, 5}).numbers("b", {2, 1, 4, 3, 10}).numbers("c", {7, 7, 7, 7, 7});
  MetricSpec pearson = metric("correlation", {"a", "b"}), spearman = pearson, flat = metric("correlation", {"a", "c"});
  spearman.method = flat.method = "spearman";
  CHECK(value(rows::read(pearson, table)) == near(.8049844719));
  CHECK(value(rows::read(spearman, table)) == near(.8));
  CHECK(rows::read(flat, table).status == Status::undefined);
  flat.method = "";
  CHECK(rows::read(flat, table).status == Status::undefined);
  Table far;  // far from 0: differences of rounded squares would be noise
  far.numbers("a", {1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4, 1e9 + 5}).numbers("b", {2, 1, 4, 3, 10});
  CHECK(value(rows::read(pearson, far)) == near(.8049844719));
}

TEST_CASE("average precision gives the printed vectors, and buckets stay within their bound") {
  Table table, ties;
  table.numbers("p", {.91, .82, .73, .64, .55, .46, .37, .28, .19, 0}).integers("y", {1, 0, 0, 1, 1, 1, 0, 1, 0, 0});
  ties.numbers("p", {.5, .5, .5, .2, .9, .9}).integers("y", {1, 0, 1, 0, 1, 0});
  CHECK(value(rows::read(metric("average_precision", {"p", "y"}), table)) == near(.6783333333));
  CHECK(value(rows::read(metric("average_precision", {"p", "y"}), ties)) == near(.5666666667));
  Table none;
  none.numbers("p", std::vector<double>(40, .5)).integers("y", std::vector<std::int64_t>(40, 0));
  CHECK(rows::read(metric("average_precision", {"p", "y"}), none).status == Status::undefined);

  const unsigned seed = 5;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<double> p;
  std::vector<std::int64_t> y;
  for (int i = 0; i < 1'000'000; ++i) {
    y.push_back(random() % 5 == 0);
    p.push_back(std::clamp(std::normal_distribution<>(y.back() ? .6 : .5, .1)(random), 0.0, 1.0));
  }
  for (const std::string name : {"auc", "average_precision"}) {
    Table whole, over;
    whole.numbers("p", p).integers("y", y);
    auto p_over = p;
    auto y_over = y;
    p_over.push_back(.5);
    y_over.push_back(0);
    over.numbers("p", p_over).integers("y", y_over);
    const Reading exact = rows::read(metric(name, {"p", "y"}), whole),
                  rounded = rows::read(metric(name, {"p", "y"}), over);
    CHECK(exact.error.kind == ErrorBound::Kind::exact);
    REQUIRE(rounded.error.kind == ErrorBound::Kind::absolute);
    CHECK(rounded.error.bound < 1e-3);
    CHECK(std::fabs(value(rounded) - value(exact)) <= rounded.error.bound + 2e-6);
  }
}

TEST_CASE("a counter's growth goes on over a restart") {
  CHECK(value(rows::read(metric("increase", {"x"}), numbers({10, 15, 3, 7}))) == 12);
  CHECK(value(rows::read(metric("increase", {"x"}), numbers({10}))) == 0);
  CHECK(value(rows::read(metric("increase", {"x"}), numbers({0.1, 0.2, 0.3}))) == near(.2));
  const Reading odd = rows::read(metric("increase", {"x"}), numbers({1, -5, 4}));
  CHECK(value(odd) == 3);
  CHECK(odd.excluded_by == std::vector<std::pair<std::string, std::uint64_t>>{{"domain", 1}});
}

TEST_CASE("different values are counted exactly while few, within 1.63 percent standard error beyond") {
  std::vector<double> few, many;
  for (int i = 0; i < 512; ++i) few.push_back(i);
  const Reading exact = rows::read(metric("distinct", {"x"}), numbers(few));
  CHECK(value(exact) == 512);
  CHECK(exact.error.kind == ErrorBound::Kind::exact);
  double worst = 0, squares = 0;
  int rounds = 0;
  for (int start = 0; start < 2'000'000; start += 40'000, ++rounds) {
    many.clear();
    for (int i = 0; i < 20'000; ++i) many.push_back(start + i);
    const Reading sketch = rows::read(metric("distinct", {"x"}), numbers(many));
    CHECK(sketch.error.kind == ErrorBound::Kind::standard);
    CHECK(sketch.error.bound == Approx(.01625));
    const double off = value(sketch) / 20'000 - 1;
    worst = std::max(worst, std::fabs(off));
    squares += off * off;
  }
  CHECK(worst < 4.5 * .01625);
  CHECK(std::sqrt(squares / rounds) < 1.3 * .01625);  // 50 draws of a standard deviation are within 30 %
  CHECK(std::sqrt(squares / rounds) > .7 * .01625);
}

TEST_CASE("a repeated key is a duplicate and a null key is a null") {
  Table table;
  table.texts("id", {"a", "b", "a", "c", "a", ""}, {0, 0, 0, 0, 0, 1});
  const Reading got = rows::read(metric("duplicates", {"id"}), table);
  CHECK(value(got) == near(.4));
  CHECK(got.n == 5);
  CHECK(got.nulls == 1);
}

TEST_CASE("out of range, new values and changes are counted by hand") {
  std::vector<double> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  const Table now = numbers({0, 1, 100, 101, 50.5, std::nan("")});
  CHECK(value(against(metric("out_of_range", {"x"}), numbers(hundred), now)) == near(.4));
  CHECK(value(against(metric("new_values", {"x"}), numbers(hundred), now)) == near(.6));
  Table reference, words;
  reference.texts("x", std::vector<std::string>(20, "a"));
  words.texts("x", {"a", "b", "b", "a", ""}, {0, 0, 0, 0, 1});
  const Reading fresh = against(metric("new_values", {"x"}), reference, words);
  CHECK(value(fresh) == .5);
  CHECK(*fresh.low == near(.15003898915214947));
  CHECK(value(rows::read(metric("changed", {"x"}), words)) == 2);
  CHECK(against(metric("out_of_range", {"x"}), numbers({1, 2}), now).status == Status::insufficient);
}

TEST_CASE("Benjamini and Hochberg reject the two columns the printed p-values reject") {
  // Ten columns of one chi-square each; the count of rows that moved sets the p-value. Which are rejected is worked out
  // from the p-values read one by one, the rule applied by hand.
  std::vector<double> p;
  Table reference, now;
  std::vector<std::string> columns;
  for (int c = 0; c < 10; ++c) {
    std::vector<std::string> before(400, "a"), after(400, "a");
    for (int i = 0; i < 200; ++i) before[static_cast<std::size_t>(i)] = "b";
    for (int i = 0; i < 200 + (c < 2 ? 50 : 5 + 3 * c); ++i) after[static_cast<std::size_t>(i)] = "b";
    columns.push_back("c" + std::to_string(c));
    reference.texts(columns.back(), before);
    now.texts(columns.back(), after);
    p.push_back(*against(metric("chi2", {columns.back()}), reference, now).p_value);
  }
  MetricSpec spec = metric("drifted_columns", columns);
  spec.test = "chi2";
  const Reading got = against(spec, reference, now);
  std::vector<double> sorted = p;
  std::sort(sorted.begin(), sorted.end());
  std::size_t rejected = 0;
  for (std::size_t i = 0; i < 10; ++i)
    if (sorted[i] <= .05 * static_cast<double>(i + 1) / 10) rejected = i + 1;
  CHECK(rejected == 2);
  CHECK(value(got) == .2);
  CHECK(got.text == "c0, c1");
  CHECK(sorted[2] < .1);  // and others came near enough to matter
}

TEST_CASE("a confusion lists every pair of classes and its value is the accuracy") {
  Table table;
  table.texts("p", {"a", "a", "b", "c", "c", "c"}).texts("y", {"a", "b", "b", "c", "c", "a"});
  const Reading got = rows::read(metric("confusion", {"p", "y"}), table);
  CHECK(value(got) == near(4.0 / 6));
  CHECK(got.text == "c for c: 2, a for a: 1, a for b: 1, b for b: 1, c for a: 1");
}

TEST_CASE("time is true, false or unknown, and silence is unknown") {
  Table table;
  table.integers("up", {1, 1, 0, 1, 0}, {0, 0, 0, 0, 1});
  table = timed(std::move(table), {0, 10, 20, 40, 50});
  MetricSpec spec = metric("time_share", {});
  spec.expression = "up == 1";
  spec.holds = seconds(15);
  // true 0-10, 10-20, 40-50; false 20-35; unknown 35-40 and from 50 to 60.
  const Reading got = rows::read(spec, table);
  CHECK(value(got) == near(30.0 / 45));
  CHECK(got.text == "unknown for 15s");
  CHECK(got.n == 4);
  CHECK(got.nulls == 1);
  spec.holds = {0};  // gaps 10 10 10 20: the median twice is 20
  CHECK(value(rows::read(spec, table)) == near(30.0 / 50));
  Table once;
  once.integers("up", {1});
  CHECK(rows::read(spec, once).status == Status::undefined);
}

TEST_CASE("a run that never started is a failure, one that is not over is pending") {
  Table table;
  table.numbers("x", {0, 0, 0, 0});
  table = timed(std::move(table), {5, 65, 185, 350});
  MetricSpec spec = metric("job_success", {});
  spec.schedule = "every 1m";
  spec.within = seconds(30);
  auto family = make_family(spec, table.stream);
  REQUIRE(family);
  auto state = (*family)->make();
  (*family)->add(*state, table.batch, rows::all(table.batch));
  Reading got;
  ReadContext context;
  context.to = Instant{} + seconds(320);
  (*family)->read(*state, spec, context, got);
  // Due at 0 60 120 180 240 (300 has until 330): answered 5 65 - 185 -.
  CHECK(value(got) == near(.6));
  CHECK(got.n == 5);
  CHECK(got.text == "1 pending");
  spec.schedule = "25:00";
  CHECK_FALSE(make_family(spec, table.stream));
}

TEST_CASE("a job is late by the local clock of its zone, whatever the season") {
  Table table;
  std::vector<double> at;
  // Noon in New York: 17:00Z on 2024-03-08, 16:00Z on 2024-03-11. Answers ten minutes later.
  for (const char* text : {"2024-03-08T17:10:00Z", "2024-03-11T16:10:00Z"})
    at.push_back(static_cast<double>(parse_instant(text)->ns) / 1e9);
  table.numbers("x", {0, 0});
  table = timed(std::move(table), at);
  MetricSpec spec = metric("job_success", {});
  spec.schedule = "12:00";
  spec.within = minutes(30);
  spec.zone = "America/New_York";
  auto family = make_family(spec, table.stream);
  REQUIRE(family);
  auto state = (*family)->make();
  (*family)->add(*state, table.batch, rows::all(table.batch));
  Reading got;
  ReadContext context;
  context.from = *parse_instant("2024-03-08T00:00:00Z");
  context.to = *parse_instant("2024-03-12T00:00:00Z");
  (*family)->read(*state, spec, context, got);
  CHECK(got.n == 2);  // Friday and Monday: the weekend has no run
  CHECK(value(got) == 1);
}

TEST_CASE("two shards of a pane that each were small answer as the whole pane would") {
  Table half, whole;
  std::vector<double> x;
  for (int i = 0; i < 100; ++i) x.push_back(i);
  half.numbers("x", x);
  auto family = std::move(*make_family(metric("p50", {"x"}), half.stream));
  auto a = family->make(), b = family->make(), both = family->make();
  family->add(*a, half.batch, rows::all(half.batch));
  family->add(*b, half.batch, rows::all(half.batch));
  family->merge(*a, *b);
  family->add(*both, half.batch, rows::all(half.batch));
  family->add(*both, half.batch, rows::all(half.batch));
  CHECK(rows::bytes_of(*family, *a) == rows::bytes_of(*family, *both));
  // A window keeps its panes' exact values.
  auto window = family->make_window();
  family->merge(*window, *b);
  family->merge(*window, *b);
  CHECK(rows::read(*family, *window, metric("p50", {"x"})).error.kind == ErrorBound::Kind::exact);
}

TEST_CASE("two costs of one decision are two metrics") {
  using namespace engine_fixture;
  StreamSpec stream = api_stream();
  stream.schema.columns.push_back({"right", ColumnType::boolean, false});
  HandleSpec dear = engine_fixture::metric("decision_cost", "1m", {"value", "right"}), cheap = dear;
  dear.metric.false_negative_cost = 20;
  auto engine = engine_of({cheap, dear}, stream);
  Batch batch = batch_of({{1, 0}, {2, 0}, {61, 1}});
  batch.columns.emplace_back();
  batch.columns.back().type = ColumnType::boolean;
  batch.columns.back().integers = {1, 1, 1};
  batch.columns.back().null = {0, 0, 0};
  engine->feed("api", "s", batch, engine_fixture::at(61));
  CHECK((engine->read_one(0, LabelSet(), engine_fixture::at(61)).value == 2.0));
  CHECK((engine->read_one(1, LabelSet(), engine_fixture::at(61)).value == 40.0));
}

TEST_CASE("a kept row whose text is null can be followed by any other") {
  Table table;
  table.texts("c", {"", "", "b"}, {1, 1, 0});
  RowStore store;
  const Batch nulls = table.batch.pick({1, 0});
  for (std::uint32_t row = 0; row < nulls.rows; ++row) store.add(nulls, row);
  CHECK(store.rows().rows == 2);  // sorted: rows are picked, and no text is left for the null
  store.add(table.batch, 2);
  CHECK(store.rows().columns[1].text(2) == "b");
}
