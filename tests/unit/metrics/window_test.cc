// Windows: the vector of the design's section 8, and a naive twin that recomputes every window from all rows.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "engine_fixture.h"

using namespace engine_fixture;

namespace {

HandleSpec sum_30s() {
  HandleSpec h = metric("sum", "30s", {"value"});
  h.metric.step = seconds(10);
  h.metric.lateness = seconds(20);
  return h;
}

}  // namespace

TEST_CASE("late rows revise the windows they fall in until those are final") {
  auto engine = engine_of({sum_30s()});
  std::vector<Rejected> refused;
  const auto row = [&](double t, double v) { refused = engine->feed("api", "s", batch_of({{t, v}}), at(1000)); };
  const auto window = [&](double end) { return engine->read_at(0, LabelSet(), at(end), at(1000)); };
  row(1, 1);
  row(12, 2);
  row(25, 3);
  row(31, 4);
  Reading r = window(30);
  CHECK((r.value == 6.0));
  CHECK(r.n == 3);
  CHECK(r.revision == 0);
  CHECK(r.late == 0);
  row(8, 5);
  r = window(30);
  CHECK((r.value == 11.0));
  CHECK(r.revision == 1);
  CHECK(r.late == 1);
  row(42, 6);
  CHECK((window(40).value == 9.0));
  row(29, 7);
  CHECK((window(30).value == 18.0));
  CHECK(window(30).revision == 2);
  CHECK((window(40).value == 16.0));
  CHECK(window(40).revision == 1);
  row(55, 8);
  CHECK((window(50).value == 20.0));
  CHECK(window(50).n == 4);
  CHECK(window(30).is_final);
  CHECK_FALSE(window(40).is_final);
  row(2, 9);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].reason == "too_late");
  row(18, 10);
  CHECK(refused.empty());
  CHECK((window(40).value == 26.0));
  CHECK(window(40).revision == 2);
  CHECK((window(30).value == 18.0));
  CHECK(engine->counters("api")->too_late == 1);
}

TEST_CASE("an advancing window equals a sum over all rows") {
  const unsigned seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  HandleSpec by_host = metric("sum", "1m", {"value"});
  by_host.metric.step = seconds(5);
  by_host.metric.by = {"host"};
  by_host.metric.where = "value > 10";
  auto engine = engine_of({by_host});
  std::vector<Row> all;
  double t = 3;
  for (int i = 0; i < 600; ++i) {
    t += random() % 12 == 0 ? random() % 150 : random() % 3;
    const double when = std::max(0.0, t - (random() % 4 == 0 ? random() % 50 : 0));
    const Row row{when, static_cast<double>(random() % 100), random() % 2 ? "a" : "b"};
    all.push_back(row);
    REQUIRE(engine->feed("api", "s", batch_of({row}), at(1e6)).empty());
    if (random() % 3 == 0) continue;
    const std::int64_t end = floor_to(engine->counters("api")->watermark, seconds(5)).ns;
    std::vector<SeriesReading> readings;
    engine->read(0, at(1e6), readings);
    for (const SeriesReading& one : readings) {
      double expected = 0;
      std::uint64_t n = 0;
      for (const Row& r : all) {
        const std::int64_t ns = at(r.at).ns;
        if (r.host != one.labels->get("host") || r.value <= 10 || ns >= end || ns < end - seconds(60).ns) continue;
        expected += r.value;
        ++n;
      }
      INFO("row " << i << " host " << one.labels->get("host"));
      REQUIRE(one.reading->n == n);
      if (n) REQUIRE((one.reading->value == expected));
    }
  }
}

TEST_CASE("arrival order inside lateness and batch splits change no bit of a final window") {
  const unsigned seed = GENERATE(11u, 12u, 13u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<Row> rows;
  for (int i = 0; i < 400; ++i)
    rows.push_back({i * 0.5, std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 60) - 30),
                    random() % 2 ? "a" : "b", random() % 9 == 0});
  const auto run = [&](bool shuffled) {
    HandleSpec h = metric("mean", "20s", {"value"});
    h.metric.step = seconds(2);
    h.metric.by = {"host"};
    HandleSpec last = metric("last", "20s", {"value"});
    last.metric.step = seconds(2);
    auto engine = engine_of({h, last});
    std::vector<Row> order = rows;
    if (shuffled)  // no row moves past one 30 s younger
      for (std::size_t from = 0; from < order.size(); from += 60)
        std::shuffle(order.begin() + static_cast<std::ptrdiff_t>(from),
                     order.begin() + static_cast<std::ptrdiff_t>(std::min(order.size(), from + 60)), random);
    for (std::size_t from = 0; from < order.size();) {
      const std::size_t to = std::min(order.size(), from + 1 + (shuffled ? random() % 17 : 0));
      engine->feed("api", "s",
                   batch_of({order.begin() + static_cast<std::ptrdiff_t>(from),
                             order.begin() + static_cast<std::ptrdiff_t>(to)}),
                   at(1e6));
      from = to;
    }
    std::string out;
    for (int end = 140; end <= 198; end += 2) {
      for (const char* host : {"a", "b"})
        out += bits(engine->read_at(0, LabelSet(std::vector<std::pair<std::string, std::string>>{{"host", host}}),
                                    at(end), at(1e6)));
      out += bits(engine->read_at(1, LabelSet(), at(end), at(1e6)));
    }
    return out;
  };
  const std::string straight = run(false);
  for (int i = 0; i < 5; ++i) REQUIRE(run(true) == straight);
}

TEST_CASE("count is zero while the stream has rows, no_data when it has none") {
  HandleSpec h = metric("count", "10s");
  h.metric.where = "value > 100";
  auto engine = engine_of({h});
  engine->feed("api", "s", batch_of({{0, 1}, {11, 1}, {20, 1}}), at(20));
  std::vector<SeriesReading> out;
  engine->read(0, at(20), out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].reading->status == Status::ok);
  CHECK((out[0].reading->value == 0.0));
  engine->tick(at(200));
  engine->read(0, at(200), out);
  CHECK(out[0].reading->status == Status::no_data);
  CHECK_FALSE(out[0].reading->value.has_value());
}
