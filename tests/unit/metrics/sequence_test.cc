// previous(column): the row before, whatever order rows come in, and after restarts.
#include "metrics/windows/sequence.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "engine_fixture.h"

using namespace engine_fixture;

namespace {

// value, previous(value, host), ret = value / previous - 1, and what is before ret of any host.
StreamSpec returns_stream() {
  StreamSpec s = api_stream();
  s.disorder = seconds(60);
  for (const char* expression : {"value / previous(value, host) - 1", "previous(ret)"}) {
    for (DerivedSpec& one : Expression::previous_columns(expression)) s.derived.push_back(std::move(one));
    s.derived.push_back({s.derived.size() == 1 ? "ret" : "before", expression, {}, {}});
  }
  return s;
}

// What decoding gives: derived columns null.
Batch raw(const std::vector<Row>& rows) {
  Batch b = batch_of(rows);
  for (int i = 0; i < 4; ++i) {
    Column& c = b.columns.emplace_back();
    c.null.assign(rows.size(), 1);
    c.numbers.assign(rows.size(), 0);
  }
  return b;
}

std::vector<Row> prices(std::uint64_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < count; ++i)
    rows.push_back({10.0 * static_cast<double>(i) + static_cast<double>(random() % 9),
                    90 + static_cast<double>(random() % 2000) / 100,
                    std::string(1, static_cast<char>('a' + random() % 3)), random() % 15 == 0});
  return rows;
}

}  // namespace

TEST_CASE("the uses of previous() in an expression are named once each, with their series") {
  const auto one = Expression::previous_columns("close / previous( close , symbol) - 1 + previous(open)");
  REQUIRE(one.size() == 2);
  CHECK(one[0].name == "previous(close, symbol)");
  CHECK(one[0].previous_of == "close");
  CHECK((one[0].previous_by == std::vector<std::string>{"symbol"}));
  CHECK(one[1].name == "previous(open)");
  CHECK(one[1].previous_by.empty());
  CHECK(Expression::previous_columns("previous + 1").empty());
  CHECK(Expression::previous_columns("previous(1)").empty());
  const StreamSpec plain = api_stream();
  CHECK(Expression::compile("previous(value) > 1", plain).error().text.find("stream:derive") != std::string::npos);
  CHECK(Expression::compile("previous(host) > 1", plain).error().text.find("needs a number") != std::string::npos);
  CHECK(Expression::compile("previous(valu) > 1", plain).error().text.find("did you mean \"value\"") !=
        std::string::npos);
}

TEST_CASE(
    "a change from the row before is that of the sorted rows, for any order within the disorder and any restart") {
  const StreamSpec stream = returns_stream();
  const auto rows = prices(8, 400);
  // By hand: per host, the newest value that is not null.
  std::map<std::string, double> last;
  std::vector<double> changes;
  for (const Row& r : rows) {
    if (r.is_null) continue;
    if (last.count(r.host)) changes.push_back(r.value / last[r.host] - 1);
    last[r.host] = r.value;
  }
  HandleSpec sum = metric("sum", "1h", {"ret"}), count = metric("count", "1h"),
             newest = metric("last", "50 rows", {"ret"});
  sum.metric.min_n = newest.metric.min_n = 1;
  sum.metric.lateness = count.metric.lateness = hours(1);
  HandleSpec before = newest;
  before.metric.columns = {"before"};
  const std::vector<HandleSpec> handles = {sum, count, newest, before};
  const auto run = [&](const std::vector<Row>& order, std::size_t a_batch, std::size_t restart_every) {
    auto engine = engine_of(handles, stream);
    std::size_t batches = 0;
    for (std::size_t i = 0; i < order.size(); i += a_batch) {
      const std::size_t end = std::min(order.size(), i + a_batch);
      engine->feed(
          "api", "s",
          raw({order.begin() + static_cast<std::ptrdiff_t>(i), order.begin() + static_cast<std::ptrdiff_t>(end)}),
          at(4100), false);
      if (restart_every == 0 || ++batches % restart_every != 0) continue;
      ByteWriter saved;
      engine->save(saved);
      engine = engine_of(handles, stream);
      ByteReader in(saved.bytes());
      REQUIRE(engine->restore(in));
      ByteWriter again;
      engine->save(again);
      REQUIRE((again.bytes() == saved.bytes()));
    }
    engine->feed("api", "s", raw({{4100, 1, "z"}}), at(4100), false);
    std::vector<std::string> out;
    for (const HandleId id : {0u, 1u}) out.push_back(bits(engine->read_at(id, LabelSet(), at(3600), at(4100))));
    for (const HandleId id : {2u, 3u}) out.push_back(bits(engine->read_one(id, LabelSet(), at(4100))));
    CHECK(engine->counters("api")->too_late == 0);
    if (restart_every == 0 && a_batch == 400) {
      const Reading total = engine->read_at(0, LabelSet(), at(3600), at(4100));
      double expected = 0;
      std::size_t n = 0, k = 0;
      std::map<std::string, bool> seen;
      for (const Row& r : rows) {
        if (r.is_null) continue;
        if (!seen[r.host]) {
          seen[r.host] = true;
          continue;
        }
        const double change = changes[k++];
        if (r.at >= 3600) continue;
        expected += change;
        ++n;
      }
      CHECK(total.n == n);
      CHECK(*total.value == Approx(expected).epsilon(1e-12));
      CHECK(engine->read_at(1, LabelSet(), at(3600), at(4100)).n == 360);
      CHECK(*engine->read_one(2, LabelSet(), at(4100)).value == Approx(changes.back()).epsilon(1e-14));
    }
    return out;
  };
  const auto plain = run(rows, 400, 0);
  CHECK(run(rows, 1, 0) == plain);
  CHECK(run(rows, 7, 5) == plain);
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    CAPTURE(seed);
    auto order = rows;
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i + 5 <= order.size(); i += 5)  // five rows are under a minute
      std::shuffle(order.begin() + static_cast<std::ptrdiff_t>(i), order.begin() + static_cast<std::ptrdiff_t>(i + 5),
                   random);
    CHECK(run(order, 3, seed % 2 ? 11 : 0) == plain);
  }
}

TEST_CASE("rows of a stream with previous() wait for the watermark, and what comes behind it is too late") {
  HandleSpec count = metric("count", "1m");
  count.metric.lateness = minutes(10);
  auto engine = engine_of({count}, returns_stream());
  engine->feed("api", "s", raw({{10, 1}, {70, 2}}), at(70));  // the watermark is at 10
  CHECK(engine->memory_bytes() > 0);
  CHECK_FALSE(engine->is_quiet(0, at(70)));
  engine->feed("api", "s", raw({{130, 3}}), at(130));  // at 70: 10 is counted, 70 may still have equals
  const auto rejected = engine->feed("api", "s", raw({{69, 9}, {70, 4}}), at(130));
  REQUIRE(rejected.size() == 1);
  CHECK(rejected[0].reason == "too_late");
  CHECK(engine->read_at(0, LabelSet(), at(60), at(130)).n == 1);
  engine->tick(at(130) + minutes(5));  // nobody sends: the watermark runs on and lets the last rows go
  CHECK(engine->read_at(0, LabelSet(), at(120), at(430)).n == 2);
  CHECK(engine->read_at(0, LabelSet(), at(180), at(430)).n == 1);
}

TEST_CASE("a baseline of a stream with previous() has the changes of its own rows, in their order") {
  HandleSpec mean = metric("mean", "1m", {"ret"});
  mean.metric.window = WindowSpec();
  mean.metric.against = "train";
  mean.metric.at_baseline = true;
  mean.metric.min_n = 1;
  BaselineSpec train;
  train.name = "train";
  train.stream = "api";
  std::vector<MetricEngine::Problem> problems;
  auto made = MetricEngine::create({returns_stream()}, {train}, {mean}, nullptr, &problems);
  REQUIRE(made);
  (*made)->baseline_rows("train", raw({{30, 12}, {10, 8}}));
  (*made)->baseline_rows("train", raw({{20, 16}}));
  (*made)->baseline_seal("train");
  const Reading r = (*made)->read_one(0, LabelSet(), at(0));
  CHECK(r.n == 2);
  CHECK((r.value == (1.0 - 0.25) / 2));  // 8 -> 16 -> 12
}

TEST_CASE("series beyond the most that are remembered let the longest silent ones go") {
  StreamSpec stream = returns_stream();
  auto sequence = Sequence::make(stream);
  REQUIRE(sequence);
  std::vector<Row> rows;
  for (std::size_t i = 0; i <= Sequence::most_series; ++i)
    rows.push_back({static_cast<double>(i), 2, "h" + std::to_string(i)});
  rows.push_back({200'000, 4, "h3"});
  rows.push_back({200'001, 4, "h" + std::to_string(Sequence::most_series)});
  const Batch batch = raw(rows);
  for (std::uint32_t i = 0; i < batch.rows; ++i) sequence->hold(batch, i);
  const Batch out = sequence->release(far_future);
  REQUIRE(out.rows == rows.size());
  CHECK(out.columns[4].null[rows.size() - 2] == 1);
  CHECK(out.columns[4].null[rows.size() - 1] == 0);
  CHECK(out.columns[4].numbers[rows.size() - 1] == 1.0);
}

TEST_CASE("rows of the instant up to which is released stay, so that all of one instant go in one order") {
  for (const bool turned : {false, true}) {
    auto sequence = Sequence::make(returns_stream());
    REQUIRE(sequence);
    const auto hold = [&](const Row& row) { sequence->hold(raw({row}), 0); };
    hold({10, 2, "a"});
    hold({70, turned ? 8.0 : 4.0, "a"});
    CHECK(sequence->release(at(10)).rows == 0);
    CHECK(sequence->release(at(70)).rows == 1);
    hold({70, turned ? 4.0 : 8.0, "a"});
    const Batch out = sequence->release(at(71));
    REQUIRE(out.rows == 2);
    CHECK(out.columns[4].numbers[0] == 1.0);  // 2 -> 4 -> 8, whichever of the two came first
    CHECK(out.columns[4].numbers[1] == 1.0);
  }
}
