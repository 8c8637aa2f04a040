// What create() refuses, future rows, freshness and the stream's own metrics.
#include <catch2/catch.hpp>

#include "engine_fixture.h"

using namespace engine_fixture;

TEST_CASE("all problems of a pack come at once, each with its handle") {
  HandleSpec bad_column = metric("mean", "5m", {"valeu"}), bad_step = metric("count", "5m"),
             big = metric("count", "7d");
  bad_step.metric.step = seconds(7);
  big.metric.step = seconds(1);
  std::vector<MetricEngine::Problem> problems;
  CHECK_FALSE(MetricEngine::create({api_stream()}, {}, {bad_column, bad_step, big, metric("maen", "5m", {"value"})},
                                   nullptr, &problems));
  REQUIRE(problems.size() == 4);
  CHECK(problems[1].text.find("does not divide") != std::string::npos);
  CHECK(problems[2].text.find("maen") != std::string::npos);
  CHECK(problems[3].text.find("try step") != std::string::npos);
}

TEST_CASE("rows ahead of the clock are refused and counted, not in a backtest") {
  auto engine = engine_of({metric("count", "10s")});
  const auto refused = engine->feed("api", "s", batch_of({{10, 1}, {1000, 1}}), at(20));
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].reason == "future");
  CHECK(engine->counters("api")->future == 1);
  CHECK(engine->feed("api", "s", batch_of({{1000, 1}}), at(20), false).empty());
}

TEST_CASE("freshness counts from the newest row and from the start before the first") {
  HandleSpec h = metric("freshness", "1m");
  h.metric.window = WindowSpec();
  auto engine = engine_of({h});
  engine->tick(at(100));
  CHECK((engine->read_one(0, LabelSet(), at(130)).value == 30.0));
  engine->feed("api", "s", batch_of({{120, 1}}), at(140));
  CHECK((engine->read_one(0, LabelSet(), at(150)).value == 30.0));
  CHECK_FALSE(engine->is_quiet(0, at(150)));
}

TEST_CASE("business days missing are those after the newest row and before today") {
  HandleSpec weekdays = metric("freshness", "1m");
  weekdays.metric.window = WindowSpec();
  weekdays.metric.unit = "business days";
  HandleSpec exchange = weekdays;
  exchange.metric.calendar = "XNYS";
  auto engine = engine_of({weekdays, exchange});
  const Instant newest = *parse_instant("2024-03-28"), now = *parse_instant("2024-04-03T00:34:00Z");
  engine->feed("api", "s", batch_of({{newest.ns / 1e9, 1}}), now);
  CHECK((engine->read_one(0, LabelSet(), now).value == 3.0));
  CHECK((engine->read_one(1, LabelSet(), now).value == 2.0));
}

TEST_CASE("a job of which nothing came has failed its runs, once its stream is known at all") {
  HandleSpec job = metric("job_success", "1h");
  job.metric.schedule = "every 10m";
  job.metric.within = minutes(5);
  job.metric.min_n = 1;
  auto engine = engine_of({job});
  CHECK(engine->read_one(0, LabelSet(), at(0)).status == Status::no_data);
  for (int i = 0; i < 6; ++i) engine->feed("api", "s", batch_of({{600.0 * i + 60, 1}}), at(600.0 * i + 60), false);
  engine->tick(at(3600) + minutes(2));
  Reading r = engine->read_at(0, LabelSet(), at(3600), at(3720));
  CHECK((r.value == 1.0));
  CHECK(r.n == 6);
  engine->tick(at(7600));  // more than an hour without a row
  r = engine->read_one(0, LabelSet(), at(7600));
  CHECK(r.status == Status::ok);
  CHECK((r.value == 0.0));
  CHECK(r.n == 6);
  CHECK(*r.high < 0.5);
}
