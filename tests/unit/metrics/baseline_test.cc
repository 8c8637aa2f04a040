// Baselines through the whole engine: a pinned reference for psi, a metric at the baseline, `where` and several
// columns.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "engine_fixture.h"
#include "metrics/windows/kept_rows.h"

using namespace engine_fixture;

namespace {

StreamSpec pairs_stream() {
  StreamSpec s;
  s.name = "api";
  s.schema.columns = {
      {"ts", ColumnType::time, false}, {"predicted", ColumnType::number, true}, {"actual", ColumnType::number, true}};
  s.time = "ts";
  return s;
}

struct PairRow {
  double at, predicted, actual;
};

Batch pairs(const std::vector<PairRow>& rows) {
  Batch b;
  b.columns.resize(3);
  b.columns[0].type = ColumnType::time;
  b.columns[1].type = b.columns[2].type = ColumnType::number;
  for (const PairRow& r : rows) {
    b.columns[0].integers.push_back(at(r.at).ns);
    b.columns[1].numbers.push_back(r.predicted);
    b.columns[2].numbers.push_back(r.actual);
    for (Column& c : b.columns) c.null.push_back(0);
  }
  b.rows = b.received = rows.size();
  return b;
}

// Psi with a half row added to every bin, straight from the counts.
double psi_of(const std::vector<double>& reference, const std::vector<double>& current) {
  double a = 0, b = 0, value = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    a += reference[i] + 0.5;
    b += current[i] + 0.5;
  }
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double p = (reference[i] + 0.5) / a, q = (current[i] + 0.5) / b;
    value += (q - p) * std::log(q / p);
  }
  return value;
}

BaselineSpec train() {
  BaselineSpec b;
  b.name = "train";
  b.stream = "api";
  return b;
}

std::unique_ptr<MetricEngine> with_baseline(std::vector<HandleSpec> handles, StreamSpec stream) {
  std::vector<MetricEngine::Problem> problems;
  auto made = MetricEngine::create({std::move(stream)}, {train()}, std::move(handles), nullptr, &problems);
  for (const auto& p : problems) FAIL(p.text);
  return std::move(*made);
}

}  // namespace

TEST_CASE("psi compares a window with the pinned baseline, bins fixed when it was sealed") {
  HandleSpec psi = metric("psi", "10m", {"value"});
  psi.metric.against = "train";
  psi.metric.min_n = 1;
  auto engine = with_baseline({psi}, api_stream());

  std::vector<Row> reference;  // three values: 60, 30 and 10 rows
  for (int i = 0; i < 100; ++i) reference.push_back({i * 1.0, i < 60 ? 1.0 : i < 90 ? 2.0 : 3.0});
  engine->baseline_rows("train", batch_of({reference.begin(), reference.begin() + 37}));
  engine->baseline_rows("train", batch_of({reference.begin() + 37, reference.end()}));

  std::vector<Row> rows;  // 20, 20, 5, and 5 of a value the reference never had
  for (int i = 0; i < 50; ++i) rows.push_back({1000.0 + i, i < 20 ? 1.0 : i < 40 ? 2.0 : i < 45 ? 3.0 : 99.0});
  SECTION("sealed before the rows come") {
    engine->baseline_seal("train");
    engine->feed("api", "s", batch_of(rows), at(1100));
    engine->feed("api", "s", batch_of({{1211, 1}}), at(1211));
    const Reading r = engine->read_at(0, LabelSet(), at(1200), at(1211));
    CHECK(r.status == Status::ok);
    CHECK(r.n == 50);
    REQUIRE(r.baseline);
    CHECK(r.baseline->name == "train");
    CHECK(r.baseline->from == at(0));
    CHECK(r.baseline->to == at(99) + nanoseconds(1));
    CHECK(r.baseline->hash.size() == 64);
    CHECK(r.baseline_n == 100);
    REQUIRE(r.value);
    CHECK(*r.value == Approx(psi_of({60, 30, 10, 0}, {20, 20, 5, 5})).epsilon(1e-12));
  }
  SECTION("never sealed it says which baseline is missing") {
    engine->feed("api", "s", batch_of(rows), at(1100));
    engine->feed("api", "s", batch_of({{1211, 1}}), at(1211));
    const Reading r = engine->read_at(0, LabelSet(), at(1200), at(1211));
    CHECK(r.status == Status::insufficient);
    CHECK(r.reason.find("train") != std::string::npos);
  }
  SECTION("rows handed over after the seal change nothing") {
    engine->baseline_seal("train");
    engine->baseline_rows("train", batch_of(rows));
    engine->feed("api", "s", batch_of(rows), at(1100));
    engine->feed("api", "s", batch_of({{1211, 1}}), at(1211));
    CHECK(*engine->read_at(0, LabelSet(), at(1200), at(1211)).value ==
          Approx(psi_of({60, 30, 10, 0}, {20, 20, 5, 5})).epsilon(1e-12));
  }
}

TEST_CASE("a pinned span is learnt as it passes, and its evidence names the rows whatever order they came in") {
  HandleSpec psi = metric("psi", "10m", {"value"});
  psi.metric.against = "train";
  psi.metric.min_n = 1;
  psi.metric.lateness = minutes(5);
  BaselineSpec span = train();
  span.has_span = true;
  span.from = at(100);
  span.to = at(200);
  StreamSpec stream = api_stream();
  stream.disorder = seconds(60);
  std::mt19937_64 random(4);
  std::vector<Row> rows;
  for (int i = 0; i < 1300; ++i) rows.push_back({i * 1.0, static_cast<double>(random() % 50)});
  const auto run = [&](const std::vector<Row>& order, std::size_t restart_at) {
    const auto make = [&] {
      std::vector<MetricEngine::Problem> problems;
      auto made = MetricEngine::create({stream}, {span}, {psi}, nullptr, &problems);
      for (const auto& p : problems) FAIL(p.text);
      return std::move(*made);
    };
    auto engine = make();
    std::vector<MetricEngine::LearntBaseline> learnt;
    for (std::size_t i = 0; i < order.size(); i += 7) {
      const std::size_t end = std::min(order.size(), i + 7);
      engine->feed(
          "api", "s",
          batch_of({order.begin() + static_cast<std::ptrdiff_t>(i), order.begin() + static_cast<std::ptrdiff_t>(end)}),
          at(1400));
      for (auto& one : engine->take_learnt()) learnt.push_back(std::move(one));
      if (i / 7 != restart_at) continue;
      ByteWriter saved;
      engine->save(saved);
      engine = make();
      ByteReader in(saved.bytes());
      REQUIRE(engine->restore(in));
    }
    engine->feed("api", "s", batch_of({{1400, 1}}), at(1400));
    return std::make_pair(engine->read_at(0, LabelSet(), at(1200), at(1400)), std::move(learnt));
  };
  const auto [plain, learnt] = run(rows, SIZE_MAX);
  REQUIRE(plain.status == Status::ok);
  CHECK(plain.baseline_n == 100);
  CHECK(plain.baseline->from == at(100));
  CHECK(plain.baseline->to == at(200));
  REQUIRE(learnt.size() == 1);
  CHECK(learnt[0].total == 100);
  CHECK(learnt[0].rows.rows == 100);
  CHECK(learnt[0].hash == plain.baseline->hash);
  RowDigest digest;
  const Batch whole = batch_of({rows.rbegin() + 1100, rows.rbegin() + 1200});  // 199 down to 100
  for (std::uint32_t i = 0; i < whole.rows; ++i) digest.add(row_digest(whole, i, 3));
  CHECK(digest.text() == plain.baseline->hash);
  for (int seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 shuffle(static_cast<std::uint64_t>(seed));
    std::vector<Row> order = rows;
    for (std::size_t i = 0; i < order.size(); i += 50)  // within the disorder the stream allows
      std::shuffle(order.begin() + static_cast<std::ptrdiff_t>(i), order.begin() + static_cast<std::ptrdiff_t>(i + 50),
                   shuffle);
    CHECK(bits(run(order, shuffle() % 180).first) == bits(plain));
  }
}

TEST_CASE("an edit that asks something new of a span long past gets its rows back") {
  HandleSpec psi = metric("psi", "10m", {"value"}), mean = metric("mean", "10m", {"value"});
  psi.metric.against = mean.metric.against = "train";
  psi.metric.min_n = 1;
  mean.metric.window = WindowSpec();
  mean.metric.at_baseline = true;
  HandleSpec count = mean;
  count.metric.metric = "count";
  count.metric.columns.clear();
  BaselineSpec span = train();
  span.has_span = true;
  span.from = at(0);
  span.to = at(100);
  const auto make = [&](std::vector<HandleSpec> handles, BaselineSpec baseline) {
    std::vector<MetricEngine::Problem> problems;
    auto made = MetricEngine::create({api_stream()}, {std::move(baseline)}, std::move(handles), nullptr, &problems);
    for (const auto& p : problems) FAIL(p.text);
    return std::move(*made);
  };
  auto before = make({psi}, span);
  std::vector<Row> rows;
  for (int i = 0; i < 300; ++i) rows.push_back({i * 1.0, static_cast<double>(i % 7)});
  before->feed("api", "s", batch_of(rows), at(300));
  const auto learnt = before->take_learnt();
  REQUIRE(learnt.size() == 1);
  ByteWriter saved;
  before->save(saved);

  HandleSpec longer = psi;
  longer.metric.window = *parse_window("20m");  // another ring: no reference was saved for it
  const auto restored = [&](const BaselineSpec& baseline) {
    auto after = make({psi, longer, mean, count}, baseline);
    ByteReader in(saved.bytes());
    REQUIRE(after->restore(in));
    return after;
  };
  const auto read = [&](MetricEngine& engine, HandleId handle) {
    std::vector<Row> later = rows;
    for (Row& row : later) row.at += 1000;
    engine.feed("api", "s", batch_of(later), at(1300));
    engine.feed("api", "s", batch_of({{1560, 1}}), at(1560));
    return engine.read_one(handle, LabelSet(), at(1560));
  };
  auto without = restored(span);
  CHECK(read(*without, 1).status == Status::insufficient);
  auto with = restored(span);
  REQUIRE(with->baseline_learnt(learnt[0]));
  CHECK(read(*with, 1).status == Status::ok);
  CHECK(read(*with, 1).baseline_n == 100);
  CHECK(read(*with, 1).baseline->hash == learnt[0].hash);
  CHECK(*read(*with, 2).value == Approx(2.95).epsilon(1e-12));  // 14 weeks of 0..6 and 0, 1
  CHECK((read(*with, 3).value == 100.0));
  BaselineSpec other = span;
  other.to = at(101);
  CHECK_FALSE(restored(other)->baseline_learnt(learnt[0]));

  // While it is learnt it is not given: what was read then is read again the same.
  auto learning = make({psi}, span);
  learning->feed("api", "s", batch_of({{50, 1}}), at(50));
  ByteWriter halfway;
  learning->save(halfway);
  auto again = make({psi}, span);
  ByteReader in(halfway.bytes());
  REQUIRE(again->restore(in));
  CHECK_FALSE(again->baseline_learnt(learnt[0]));
  CHECK(make({psi}, span)->baseline_learnt(learnt[0]));  // nothing was restored: it is new here
}

TEST_CASE("rmse at the baseline is that of the baseline's rows, and a ratio to it follows the window") {
  HandleSpec now = metric("rmse", "1m", {"predicted", "actual"}), then = now;
  now.metric.min_n = then.metric.min_n = 1;
  then.metric.window = WindowSpec();
  then.metric.against = "train";
  then.metric.at_baseline = true;
  HandleSpec chosen = then;
  chosen.metric.where = "actual > 0";
  auto engine = with_baseline({now, then, combination(HandleSpec::Op::deviation, {0, 1}), chosen}, pairs_stream());
  CHECK(engine->read_one(1, LabelSet(), at(0)).status == Status::insufficient);
  engine->baseline_rows("train", pairs({{0, 1, 4}, {1, 5, 1}, {2, 5, 0}, {3, 0, 0}}));  // errors -3 4 5 0
  engine->baseline_seal("train");
  const double baseline = std::sqrt((9.0 + 16 + 25 + 0) / 4);
  Reading r = engine->read_one(1, LabelSet(), at(0));
  CHECK(r.status == Status::ok);
  CHECK(*r.value == Approx(baseline).epsilon(1e-14));
  CHECK(r.n == 4);
  CHECK(r.baseline_n == 4);
  CHECK(*engine->read_one(3, LabelSet(), at(0)).value == Approx(std::sqrt(25.0 / 2)).epsilon(1e-14));

  engine->feed("api", "s", pairs({{61, 10, 0}, {62, 0, 10}, {121, 0, 0}}), at(121));  // errors 10, -10
  CHECK((engine->read_one(0, LabelSet(), at(121)).value == 10.0));
  CHECK(*engine->read_one(2, LabelSet(), at(121)).value == Approx((10 - baseline) / baseline).epsilon(1e-14));
}

TEST_CASE("share at a baseline equals share over the same rows in a window") {
  HandleSpec window = metric("share", "10m");
  window.metric.expression = "value >= 5";
  window.metric.min_n = 1;
  HandleSpec then = window, rows = window;
  then.metric.window = WindowSpec();
  then.metric.against = "train";
  then.metric.at_baseline = true;
  rows.metric.window = *parse_window("3 rows");
  auto engine = with_baseline({window, then, rows}, api_stream());
  const std::vector<Row> some{{0, 1}, {1, 5}, {2, 9, "a", true}, {3, 4}, {4, 8}};
  engine->baseline_rows("train", batch_of(some));
  engine->baseline_seal("train");
  engine->feed("api", "s", batch_of(some), at(10));
  engine->feed("api", "s", batch_of({{601, 0}}), at(601));
  const Reading a = engine->read_at(0, LabelSet(), at(600), at(601)), b = engine->read_one(1, LabelSet(), at(601));
  CHECK((a.value == 0.5));
  CHECK((b.value == 0.5));
  CHECK(a.nulls == 1);
  CHECK(b.nulls == 1);
  CHECK(*engine->read_one(2, LabelSet(), at(601)).value == Approx(1.0 / 3));  // 4, 8 and 0
}

TEST_CASE("a star makes one series a column the metric is made for") {
  auto engine = engine_of({metric("mean", "1m", {"*"}), metric("null_rate", "1m", {"*"})});
  engine->feed("api", "s", batch_of({{1, 4}, {2, 8}, {3, 0, "b", true}, {61, 0}}), at(61));
  std::vector<SeriesReading> out;
  engine->read(0, at(61), out);
  REQUIRE(out.size() == 1);  // value is the only number
  CHECK(out[0].labels->get("column") == "value");
  CHECK((out[0].reading->value == 6.0));
  engine->read(1, at(61), out);
  REQUIRE(out.size() == 3);  // host, ts, value
  CHECK(out[0].labels->get("column") == "host");
  CHECK((out[0].reading->value == 0.0));
  CHECK(out[2].labels->get("column") == "value");
  CHECK(*out[2].reading->value == Approx(1.0 / 3));
}
