// Windows that slide keep what they merged before. Whatever they keep, they read as an engine that keeps nothing: one
// that was given the same rows just now.
#include <catch2/catch.hpp>

#include "catalogue_rows.h"
#include "engine_fixture.h"
#include "metrics/windows/row_store.h"
#include "said.h"

using namespace tidewatch;

TEST_CASE("a window that slid over late rows, gaps and stretches reads as one made anew") {
  const unsigned seed = 20260101;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const rows::Table reference = rows::reference_table();
  std::vector<HandleSpec> handles;
  for (MetricSpec spec : rows::catalogue_specs()) {
    if (spec.window.kind != WindowSpec::Kind::sliding) continue;
    HandleSpec handle;
    spec.window = *parse_window("30s");
    spec.step = seconds(spec.metric == "compare" ? 5 : 1);
    spec.lateness = seconds(10);
    if (spec.trailing.is_seasonal()) {
      spec.trailing.period = seconds(30);
      spec.trailing.rebin = seconds(60);
    }
    handle.metric = spec;
    handles.push_back(handle);
  }
  BaselineSpec train;
  train.name = "train";
  train.stream = "api";
  for (int round = 0; round < 4; ++round) {
    rows::Table table = rows::random_table(random, 700);
    std::int64_t at = 0;
    for (std::size_t i = 0; i < table.batch.rows; ++i) {
      // Mostly a few rows a second, sometimes seconds of nothing, once a window of nothing, sometimes a late row.
      at += random() % 40 == 0 ? static_cast<std::int64_t>(random() % 9) : random() % 4 == 0;
      if (i == 400) at += 45;
      const std::int64_t late = random() % 12 == 0 ? static_cast<std::int64_t>(random() % 8) : 0;
      table.batch.columns[0].integers[i] = std::max<std::int64_t>(0, at - late) * 1'000'000'000;
    }
    const auto engine_of = [&] {
      std::vector<MetricEngine::Problem> problems;
      auto made = MetricEngine::create({table.stream}, {train}, handles, nullptr, &problems);
      for (const auto& problem : problems) FAIL(handles[problem.handle].metric.metric << ": " << problem.text);
      (*made)->baseline_rows("train", reference.batch);
      (*made)->baseline_seal("train");
      return std::move(*made);
    };
    auto sliding = engine_of();
    for (std::size_t from = 0; from < table.batch.rows;) {
      const std::size_t to = std::min<std::size_t>(table.batch.rows, from + 1 + random() % 30);
      std::int64_t newest = 0;
      for (std::size_t i = 0; i < to; ++i) newest = std::max(newest, table.batch.columns[0].integers[i]);
      const Instant now{newest};
      sliding->feed("api", "s", table.batch.slice(from, to), now);
      auto anew = engine_of();
      anew->feed("api", "s", table.batch.slice(0, to), now);
      for (HandleId id = 0; id < handles.size(); ++id) {
        INFO(handles[id].metric.metric << " round " << round << " after row " << to);
        CHECK(said(sliding->read_one(id, LabelSet(), now)) == said(anew->read_one(id, LabelSet(), now)));
      }
      from = to;
    }
  }
}

TEST_CASE("a drift pane counts on where sixteen bits end, and a restart keeps it so") {
  rows::Table table, reference;
  std::vector<double> x, train_x;
  for (int i = 0; i < 200'000; ++i) x.push_back(i % 3 == 0 ? 95.5 : 5.5);
  for (int i = 0; i < 1000; ++i) train_x.push_back(i % 100);
  table.numbers("x", x);
  reference.numbers("x", train_x);
  for (std::int64_t& time : table.batch.columns[0].integers) time = 0;
  HandleSpec handle;
  handle.metric = rows::metric("psi", {"x"});
  handle.metric.window = *parse_window("10m");
  handle.metric.against = "train";
  BaselineSpec train;
  train.name = "train";
  train.stream = "api";
  const auto engine_of = [&] {
    auto made = MetricEngine::create({table.stream}, {train}, {handle}, nullptr, nullptr);
    REQUIRE(made);
    (*made)->baseline_rows("train", reference.batch);
    (*made)->baseline_seal("train");
    return std::move(*made);
  };
  const Reading whole = rows::read(handle.metric, table, &reference);
  REQUIRE(whole.n == 200'000);
  auto engine = engine_of();
  const Instant now = Instant{} + minutes(1);
  for (std::size_t from = 0; from < 200'000; from += 40'000) {
    engine->feed("api", "s", table.batch.slice(from, from + 40'000), now);
    ByteWriter saved;
    engine->save(saved);
    engine = engine_of();
    ByteReader in(saved.bytes());
    REQUIRE(engine->restore(in));
  }
  Batch closing = table.batch.slice(0, 1);
  closing.columns[0].integers[0] = (Instant{} + minutes(10)).ns;
  engine->feed("api", "s", closing, now + minutes(10));
  const Reading r = engine->read_at(0, LabelSet(), Instant{} + minutes(10), now + minutes(10));
  CHECK(r.n == 200'000);
  CHECK(r.value == whole.value);
}

TEST_CASE("rows of one instant are in one order whatever way they came, NaN among both signs too") {
  const double nan = std::nan("");
  const std::vector<double> values = {1, nan, -1, 0.0, -0.0, -nan, 2, -2, HUGE_VAL, -HUGE_VAL};
  const unsigned seed = 9;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto order_of = [](const std::vector<double>& arrival) {
    rows::Table table;
    table.numbers("x", arrival);
    for (std::int64_t& time : table.batch.columns[0].integers) time = 0;
    RowStore store;
    for (std::uint32_t row = 0; row < table.batch.rows; ++row) store.add(table.batch, row);
    ByteWriter out;
    out.array(store.rows().columns[1].numbers);
    return out.take();
  };
  const std::string expected = order_of(values);
  std::vector<double> shuffled = values;
  for (int round = 0; round < 200; ++round) {
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    CHECK(order_of(shuffled) == expected);
  }
}
