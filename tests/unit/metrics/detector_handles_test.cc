// Detectors and trends through the engine: the values they get are those of the ends, in order, whoever reads when;
// late rows revise what is not final; a checkpoint anywhere changes nothing.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "base/calendar.h"
#include "engine_fixture.h"
#include "metrics/detectors/detector.h"

using namespace engine_fixture;
using Op = HandleSpec::Op;
using Kind = DetectorSpec::Kind;

namespace {

HandleSpec detector(HandleId of, Kind kind) {
  HandleSpec h = combination(Op::detector, {of});
  h.detector.kind = kind;
  return h;
}

HandleSpec quick_ewma(HandleId of) {
  HandleSpec h = detector(of, Kind::ewma);
  h.detector.decay = 0.1;
  h.detector.warm = 5;
  return h;
}

// One of each kind, warm soon.
std::vector<HandleSpec> one_of_each(HandleId of) {
  std::vector<HandleSpec> out;
  for (const Kind kind :
       {Kind::ewma, Kind::mad, Kind::seasonal, Kind::cusum, Kind::page_hinkley, Kind::adwin, Kind::kswin}) {
    HandleSpec h = detector(of, kind);
    DetectorSpec& d = h.detector;
    d.warm = kind == Kind::cusum ? 0 : 5;
    d.decay = 0.1;
    d.over = minutes(3);
    d.period = seconds(70);
    d.periods = 5;
    d.limit = 20;
    d.size = 20;
    d.recent = 8;
    d.alpha = 0.05;
    out.push_back(h);
  }
  return out;
}

HandleSpec sums(const char* by = nullptr) {
  HandleSpec h = metric("sum", "10s", {"value"});
  h.metric.step = seconds(10);
  if (by) h.metric.by = {by};
  return h;
}

void give(MetricEngine& engine, const std::vector<Row>& rows, double now) {
  engine.feed("api", "s", batch_of(rows), at(now));
  engine.tick(at(now));
}

std::string problem_of(std::vector<HandleSpec> handles) {
  std::vector<MetricEngine::Problem> problems;
  auto made = MetricEngine::create({api_stream()}, {}, std::move(handles), nullptr, &problems);
  return problems.empty() ? "" : problems[0].text;
}

}  // namespace

TEST_CASE("ewma over rows gives a score a row") {
  auto engine = engine_of({metric("last", "1 rows", {"value"}), quick_ewma(0)});
  const double values[] = {10, 11, 9, 10, 10, 10, 12, 10, 30, 10};
  const double expected[] = {0, 3.333333, -.241825, 25.187681, -.360774};
  for (int i = 0; i < 10; ++i) {
    give(*engine, {{i * 300.0, values[i]}}, i * 300.0);
    const Reading r = engine->read_one(1, {}, at(i * 300.0));
    if (i < 5) {
      CHECK(r.status == Status::insufficient);
      CHECK(r.reason == "warming up: " + std::to_string(i + 1) + " of 5 values");
      CHECK_FALSE(r.value);
    } else {
      REQUIRE(r.status == Status::ok);
      CHECK(*r.value == Approx(expected[i - 5]).margin(5e-7));
    }
    CHECK(r.to == at(i * 300.0) + nanoseconds(1));
  }
  CHECK(engine->read_one(1, {}, at(2700)).text.find("value 10, expected ") == 0);
}

TEST_CASE("a detector learns each pane end, however rarely it is read") {
  auto often = engine_of({sums(), quick_ewma(0)}), rarely = engine_of({sums(), quick_ewma(0)});
  std::mt19937 random(5);
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) {
    values.push_back(static_cast<double>(random() % 100));
    for (auto* engine : {&often, &rarely}) give(**engine, {{i * 10.0, values.back()}}, i * 10);
    often->read_one(1, {}, at(i * 10));
  }
  CHECK(bits(often->read_one(1, {}, at(990))) == bits(rarely->read_one(1, {}, at(990))));
  // The newest row is in the running pane, so all but its value have been learnt.
  auto plain = make_detector(quick_ewma(0).detector);
  Detection last;
  for (int i = 0; i < 99; ++i) last = (*plain)->add(values[i], at(i * 10 + 10));
  CHECK(*often->read_one(1, {}, at(990)).value == *last.score);
}

TEST_CASE("a late row revises what is not final, and nothing that is") {
  auto engine = engine_of({sums(), quick_ewma(0)});
  for (int i = 0; i < 20; ++i) give(*engine, {{i * 10.0, i % 3 + 10.0}}, i * 10);
  const Reading before = engine->read_one(1, {}, at(190));
  give(*engine, {{165, 4}}, 190);
  const Reading after = engine->read_one(1, {}, at(190));
  CHECK(*before.value != *after.value);
  CHECK_FALSE(after.is_final);
  auto in_order = engine_of({sums(), quick_ewma(0)});
  for (int i = 0; i < 20; ++i) {
    std::vector<Row> rows = {{i * 10.0, i % 3 + 10.0}};
    if (i == 16) rows.push_back({165, 4});
    give(*in_order, rows, i * 10);
  }
  CHECK(*in_order->read_one(1, {}, at(190)).value == *after.value);
  // A window that ended a minute (the lateness) ago is final, though its pane still takes rows for longer windows.
  auto both = engine_of({sums(), quick_ewma(0), metric("sum", "10m", {"value"})});
  for (int i = 0; i < 20; ++i) give(*both, {{i * 10.0, i % 3 + 10.0}}, i * 10);
  const Reading settled = both->read_one(1, {}, at(190));
  give(*both, {{55, 1000}}, 190);
  CHECK(*both->read_one(1, {}, at(190)).value == *settled.value);
}

TEST_CASE("rows shuffled within the lateness and split anyhow give what a plain walk over the sums gives") {
  const unsigned seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<Row> rows;
  for (double t = 0; t < 1500; t += 1 + random() % 9) {
    if (t > 700 && t < 800) continue;  // a silence
    rows.push_back({t, static_cast<double>(random() % 50) + (t > 1000 ? 40 : 0), random() % 3 ? "a" : "b"});
  }
  std::map<std::string, std::map<int, double>> wanted;  // host -> pane -> sum
  for (const Row& r : rows) wanted[r.host][static_cast<int>(r.at) / 10] += r.value;

  std::vector<HandleSpec> handles = {sums("host")};
  for (const HandleSpec& h : one_of_each(0)) handles.push_back(h);
  auto engine = engine_of(handles);
  std::vector<std::pair<double, Row>> delayed;  // by at most the lateness
  for (const Row& r : rows) delayed.emplace_back(r.at + static_cast<double>(random() % 50), r);
  std::stable_sort(delayed.begin(), delayed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Row> shuffled;
  for (const auto& one : delayed) shuffled.push_back(one.second);
  for (std::size_t i = 0; i < shuffled.size();) {
    const std::size_t n = std::min<std::size_t>(1 + random() % 20, shuffled.size() - i);
    give(*engine, {shuffled.begin() + static_cast<long>(i), shuffled.begin() + static_cast<long>(i + n)}, 1500);
    i += n;
    if (random() % 4 == 0) {
      std::vector<SeriesReading> out;
      engine->read(1 + random() % 7, at(1500), out);
    }
  }
  REQUIRE(engine->counters("api")->late > 0);
  REQUIRE(engine->counters("api")->too_late == 0);
  const double newest = std::max_element(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.at < b.at; })->at;
  const int last_pane = static_cast<int>(newest) / 10;
  std::set<int> with_rows;
  for (const Row& r : rows) with_rows.insert(static_cast<int>(r.at) / 10);
  for (HandleId h = 1; h < handles.size(); ++h) {
    INFO(name_of(handles[h].detector.kind));
    std::vector<SeriesReading> got;
    engine->read(h, at(1500), got);
    REQUIRE(got.size() == 2);
    for (const SeriesReading& one : got) {
      const std::string host(one.labels->get("host"));
      auto plain = make_detector(handles[h].detector);
      Detection last;
      double fired = 0;
      const int first = wanted[host].begin()->first;
      for (int pane = first; pane < last_pane; ++pane) {
        // A sum is 0 where the stream had rows but the host had none, and no number where the stream had none.
        if (!with_rows.count(pane)) continue;
        last = (*plain)->add(wanted[host].count(pane) ? wanted[host][pane] : 0, at(pane * 10 + 10));
        if (last.has_fired && pane * 10 + 10 > last_pane * 10 - 180) ++fired;
      }
      if (!with_rows.count(last_pane - 1)) continue;
      if (handles[h].detector.counts_firings()) {
        CHECK(*one.reading->value == fired);
      } else {
        REQUIRE(last.score);
        CHECK(*one.reading->value == *last.score);
      }
    }
  }
}

TEST_CASE("a detector restored at any batch goes on as if nothing had been") {
  const unsigned seed = GENERATE(31u, 32u, 33u, 34u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto make = [] {
    std::vector<HandleSpec> handles = {sums("host"), metric("mean", "3 rows", {"value"})};
    handles[1].metric.by = {"host"};
    for (const HandleId of : {0u, 1u})
      for (const HandleSpec& h : one_of_each(of)) handles.push_back(h);
    handles.push_back(combination(Op::max_over, {2}, seconds(50)));
    handles.push_back(combination(Op::subtract, {2, 3}));
    handles.push_back(combination(Op::shifted, {6}, seconds(40)));
    HandleSpec trend = combination(Op::forecast, {9}, seconds(90));
    trend.ahead = seconds(30);
    handles.push_back(trend);
    return handles;
  };
  const auto handles = static_cast<HandleId>(make().size());
  auto whole = engine_of(make()), broken = engine_of(make());
  double t = 0;
  std::size_t scored = 0;
  for (int i = 0; i < 400; ++i) {
    t += random() % 6;
    if (random() % 100 == 0) t += 500;
    std::vector<Row> rows;
    for (unsigned j = random() % 4; j > 0; --j)
      rows.push_back({std::max(0.0, t - random() % 70), static_cast<double>(random() % 1000) / 7 + (i > 200 ? 300 : 0),
                      random() % 2 ? "a" : "b", random() % 7 == 0});
    for (auto* engine : {&whole, &broken}) give(**engine, rows, t + 5);
    std::vector<SeriesReading> a, b;
    const bool is_read = random() % 3 != 0;
    for (HandleId h = 0; is_read && h < handles; ++h) {
      whole->read(h, at(t + 5), a);
      broken->read(h, at(t + 5), b);
      REQUIRE(a.size() == b.size());
      for (std::size_t k = 0; k < a.size(); ++k) {
        INFO("batch " << i << " handle " << h);
        REQUIRE(bits(a[k].reading) == bits(b[k].reading));
        scored += h > 1 && a[k].reading->status == Status::ok;
      }
    }
    if (random() % 3 == 0) {
      ByteWriter out;
      broken->save(out);
      broken = engine_of(make());
      ByteReader in(out.bytes());
      REQUIRE(broken->restore(in));
      ByteWriter again;
      broken->save(again);
      REQUIRE(again.bytes() == out.bytes());
    }
  }
  CHECK(scored > 1000);
}

TEST_CASE("a detector of a ratio waits for the slower of its parts") {
  const unsigned seed = GENERATE(61u, 62u, 63u);
  // How far the second stream is behind: within its lateness, or so that the first one's panes must be kept for it.
  const double behind = GENERATE(0.0, 40.0, 65.0);
  INFO("seed " << seed << ", behind " << behind);
  std::mt19937 random(seed);
  StreamSpec slow = api_stream();
  slow.name = "slow";
  HandleSpec top = sums(), bottom = metric("count", "20s");
  bottom.metric.step = seconds(10);
  bottom.metric.stream = "slow";
  bottom.metric.lateness = seconds(30);
  std::vector<MetricEngine::Problem> problems;
  auto made = MetricEngine::create({api_stream(), slow}, {},
                                   {top, bottom, combination(Op::divide, {0, 1}), quick_ewma(2)}, nullptr, &problems);
  REQUIRE(problems.empty());
  MetricEngine& engine = **made;
  std::vector<Row> first, second;
  for (double t = 0; t < 900; t += 1 + random() % 4) {
    first.push_back({t, static_cast<double>(random() % 50)});
    second.push_back({t, 1});
  }
  std::size_t i = 0, j = 0;
  for (double now = 0; now < 1000; now += 5) {
    std::vector<Row> a, b;
    for (; i < first.size() && first[i].at <= now; ++i) a.push_back(first[i]);
    for (; j < second.size() && second[j].at <= now - behind; ++j) b.push_back(second[j]);
    engine.feed("api", "s", batch_of(a), at(now));
    engine.feed("slow", "s", batch_of(b), at(now));
    if (random() % 10 == 0) engine.read_one(3, {}, at(now));
  }
  const int last_end = static_cast<int>(std::min(first.back().at, second.back().at)) / 10 * 10;
  auto plain = make_detector(quick_ewma(2).detector);
  Detection last;
  for (int end = 20; end <= last_end; end += 10) {
    double sum = 0, count = 0;
    for (const Row& r : first) sum += r.at >= end - 10 && r.at < end ? r.value : 0;
    for (const Row& r : second) count += r.at >= end - 20 && r.at < end;
    last = (*plain)->add(sum / count, at(end));
  }
  const Reading r = engine.read_one(3, {}, at(1000));
  REQUIRE(r.status == Status::ok);
  CHECK(*r.value == *last.score);
}

TEST_CASE("a late row for an end that was passed over without rows is learnt") {
  for (const char* window : {"10s", "1 rows"}) {
    INFO(window);
    HandleSpec last = metric("last", window, {"value"});
    if (window == std::string("10s")) last.metric.step = seconds(10);
    HandleSpec odd = quick_ewma(0);
    odd.detector.warm = 2;
    const auto run = [&](bool is_read_between) {
      auto engine = engine_of({last, odd});
      for (int i = 0; i < 6; ++i) give(*engine, {{i * 10.0, i % 2 + 1.0}}, i * 10);
      give(*engine, {{95, 2}, {105, 2}}, 105);
      if (is_read_between) engine->read_one(1, {}, at(105));
      give(*engine, {{75, 9}}, 105);
      return engine->read_one(1, {}, at(105)).value;
    };
    auto plain = make_detector(odd.detector);
    Detection score;
    for (const double value : {1., 2., 1., 2., 1., 2., 9., 2.}) score = (*plain)->add(value, at(0));
    if (window == std::string("1 rows")) score = (*plain)->add(2, at(105));  // its pane is still open
    CHECK(run(false) == score.score);
    CHECK(run(true) == score.score);
  }
}

TEST_CASE("the states of detectors cut short anywhere in a checkpoint are refused") {
  const auto make = [] {
    std::vector<HandleSpec> handles = {sums("host")};
    for (const HandleSpec& h : one_of_each(0)) handles.push_back(h);
    return engine_of(handles);
  };
  auto engine = make();
  for (int i = 0; i < 30; ++i) give(*engine, {{i * 10.0, i % 4 * 1.0, i % 2 ? "a" : "b"}}, i * 10);
  ByteWriter out;
  engine->save(out);
  ByteWriter without;
  engine_of({sums("host")})->save(without);
  REQUIRE(out.bytes().size() > without.bytes().size() + 1000);
  for (std::size_t n = 0; n < out.bytes().size(); n += n + 3000 < out.bytes().size() ? 7 : 1) {
    auto other = make();
    ByteReader in(std::string_view(out.bytes()).substr(0, n));
    CHECK_FALSE(other->restore(in));
  }
}

TEST_CASE("a silence of years is stepped over") {
  auto engine = engine_of({sums(), quick_ewma(0)});
  for (int i = 0; i < 8; ++i) give(*engine, {{i * 10.0, 10.0 + i % 2}}, i * 10);
  const double later = 3e8;  // 30 million panes on
  for (int i = 0; i < 3; ++i) give(*engine, {{later + i * 10, 10}}, later + i * 10);
  auto plain = make_detector(quick_ewma(0).detector);
  Detection last;
  for (int i = 0; i < 8; ++i) last = (*plain)->add(10.0 + i % 2, at(i * 10 + 10));
  for (int i = 1; i < 3; ++i) last = (*plain)->add(10, at(later + i * 10));
  CHECK(*engine->read_one(1, {}, at(later + 20)).value == *last.score);
}

TEST_CASE("a firing counts for as long as `over` says") {
  HandleSpec found = detector(0, Kind::page_hinkley);
  found.detector.over = minutes(2);
  found.detector.limit = 100;
  found.detector.warm = 5;
  auto engine = engine_of({sums(), found});
  std::map<double, double> counts;
  for (int i = 0; i < 60; ++i) {
    give(*engine, {{i * 10.0, i < 20 ? 10.0 : 40.0}}, i * 10);
    const Reading r = engine->read_one(1, {}, at(i * 10));
    if (r.status == Status::ok) counts[i * 10] = *r.value;
    if (r.status != Status::ok && i > 0) CHECK(r.reason.find("warming up") == 0);
  }
  // The fifth value (end 50 s) is the first that can fire; the jump at 200 s is found at its fourth value by the
  // oracle.
  auto plain = make_detector(found.detector);
  double fired = 0;
  for (int i = 0; i < 59; ++i)
    if ((*plain)->add(i < 20 ? 10 : 40, at(i * 10 + 10)).has_fired) fired = i * 10 + 10;
  REQUIRE(fired > 200);
  CHECK(counts.begin()->first == 50);
  CHECK(counts[fired - 10] == 0);
  CHECK(counts[fired] == 1);
  CHECK(counts[fired + 110] == 1);
  CHECK(counts[fired + 120] == 0);
}

TEST_CASE("a label set that is forgotten takes its detector along") {
  HandleSpec by_host = sums("host");
  auto engine = engine_of({by_host, quick_ewma(0)});
  for (int i = 0; i < 10; ++i) give(*engine, {{i * 10.0, 1, "a"}, {i * 10.0, 2, "b"}}, i * 10);
  const std::size_t before = engine->memory_bytes();
  std::vector<SeriesReading> got;
  double t = 100;
  for (; t < 100 + 2 * 86400; t += 600) give(*engine, {{t, 1, "a"}}, t);
  engine->read(1, at(t), got);
  REQUIRE(got.size() == 1);
  CHECK(engine->memory_bytes() < before);
  // The same name later is a new one: it warms up again.
  give(*engine, {{t, 2, "b"}, {t, 2, "a"}, {t + 10, 2, "a"}}, t + 10);
  engine->read(1, at(t + 10), got);
  REQUIRE(got.size() == 2);
  CHECK(got[1].reading->reason == "warming up: 1 of 5 values");
}

TEST_CASE("a detector that a checkpoint does not know begins with what comes") {
  auto old = engine_of({sums()});
  for (int i = 0; i < 30; ++i) give(*old, {{i * 10.0, 1.0 * i}}, i * 10);
  ByteWriter out;
  old->save(out);
  auto engine = engine_of({sums(), quick_ewma(0)});
  ByteReader in(out.bytes());
  REQUIRE(engine->restore(in));
  give(*engine, {{300, 5}}, 300);
  // Final are the ends to 230 s, the lateness before the newest row at 290 s; those at 240 to 300 s are learnt.
  const Reading r = engine->read_one(1, {}, at(300));
  CHECK(r.status == Status::ok);
  auto plain = make_detector(quick_ewma(0).detector);
  Detection last;
  for (int i = 23; i < 30; ++i) last = (*plain)->add(i, at(i * 10 + 10));
  CHECK(*r.value == *last.score);
}

TEST_CASE("a calendar window is learnt once, not on each day of the next") {
  HandleSpec months = metric("sum", "calendar month", {"value"});
  HandleSpec odd = quick_ewma(0);
  odd.detector.warm = 3;
  auto engine = engine_of({months, odd});
  const Instant start = *parse_instant("2026-01-01");
  auto plain = make_detector(odd.detector);
  Detection last;
  std::map<int, double> by_month;
  for (int day = 0; day < 31 + 28 + 31 + 30 + 31 + 20; ++day) {
    const Instant t = start + days(day);
    const CivilDate date = to_date(local_day(t, "UTC"));
    by_month[static_cast<int>(date.month)] += day % 5;
    give(*engine, {{(t - Instant{}).seconds() + 5, day % 5 * 1.0}}, (t - Instant{}).seconds() + 5);
  }
  for (int month = 1; month <= 5; ++month) last = (*plain)->add(by_month[month], at(month));
  REQUIRE(last.score);
  CHECK(*engine->read_one(1, {}, start).value == *last.score);
}

TEST_CASE("cusum against a baseline standardises a mean by the spread of its rows") {
  HandleSpec mean = metric("mean", "10s", {"value"});
  mean.metric.step = seconds(10);
  HandleSpec at_mean = mean, at_deviation = mean;
  at_mean.metric.at_baseline = at_deviation.metric.at_baseline = true;
  at_mean.metric.against = at_deviation.metric.against = "train";
  at_deviation.metric.metric = "standard_deviation";
  HandleSpec sum = detector(0, Kind::cusum);
  sum.inputs = {0, 1, 2};
  BaselineSpec train;
  train.name = "train";
  train.stream = "api";
  std::vector<MetricEngine::Problem> problems;
  auto made = MetricEngine::create({api_stream()}, {train}, {mean, at_mean, at_deviation, sum}, nullptr, &problems);
  REQUIRE(problems.empty());
  MetricEngine& engine = **made;
  give(engine, {{1, 10}, {11, 10}}, 11);
  CHECK(engine.read_one(3, {}, at(11)).status == Status::insufficient);
  CHECK(engine.read_one(3, {}, at(11)).reason.find("train") != std::string::npos);
  engine.baseline_rows("train", batch_of({{1, 8}, {2, 10}, {3, 12}}));  // mean 10, standard deviation 2
  engine.baseline_seal("train");
  // Four rows of mean 13 are 1.5 standard deviations of a row above, 3 of a mean of four.
  for (int i = 2; i < 4; ++i)
    give(engine, {{i * 10.0, 12}, {i * 10.0 + 1, 14}, {i * 10.0 + 2, 12}, {i * 10.0 + 3, 14}}, i * 10 + 3);
  give(engine, {{40, 10}}, 40);
  const Reading r = engine.read_one(3, {}, at(40));
  CHECK(*r.value == Approx(2 * (3 - 0.5)));
  REQUIRE(r.baseline);
  CHECK(r.baseline->name == "train");
  CHECK(r.baseline_n == 3);
}

TEST_CASE("forecast and time_to draw a line through the values at the ends") {
  HandleSpec last = metric("last", "1 rows", {"value"});
  HandleSpec soon = combination(Op::forecast, {0}, seconds(600)), left = combination(Op::time_to, {0}, seconds(600));
  soon.ahead = seconds(600);
  left.limit = 40;
  HandleSpec away = left;
  away.limit = 5;
  auto engine = engine_of({last, soon, left, away});
  CHECK(engine->read_one(1, {}, at(0)).status == Status::no_data);
  const double values[] = {10, 12, 13, 17};
  for (int i = 0; i < 4; ++i) {
    give(*engine, {{i * 60.0, values[i]}}, i * 60);
    if (i == 0) CHECK(engine->read_one(1, {}, at(0)).reason == "one point in time has no trend");
  }
  const Reading r = engine->read_one(1, {}, at(180));
  CHECK(*r.value == Approx(38.3).epsilon(1e-9));
  CHECK(r.n == 4);
  CHECK(r.text == "16.3 at the end, 0.0366667 a second");
  CHECK(*engine->read_one(2, {}, at(180)).value == Approx(646.363636).epsilon(1e-9));
  CHECK(engine->read_one(3, {}, at(180)).status == Status::undefined);
  CHECK(engine->read_one(3, {}, at(180)).reason == "the line leads away from the limit");
}

TEST_CASE("what a detector cannot walk along is refused with the reason") {
  HandleSpec fresh = metric("freshness", "5m");
  fresh.metric.window = {};
  CHECK(problem_of({fresh, quick_ewma(0)}).find("expected a handle with a window") == 0);
  CHECK(problem_of({sums(), quick_ewma(0), quick_ewma(1)}) ==
        "ewma of a detector's score is not offered: judge the score, as in above(3)");
  HandleSpec counts = detector(0, Kind::adwin);
  CHECK(problem_of({sums(), counts}).find("adwin needs `over`") == 0);
  HandleSpec weekly = detector(0, Kind::seasonal);
  CHECK(problem_of({sums(), weekly}) ==
        "seasonal over 56d would remember 483,840 values, one each 10s; expected at most 100,000: give the metric a "
        "longer step");
  HandleSpec fast = quick_ewma(0);
  fast.detector.decay = 2;
  CHECK(problem_of({sums(), fast}) == "ewma: decay: expected a number between 0 and 1");
  CHECK(problem_of({sums(), quick_ewma(0), combination(Op::forecast, {1})}) == "expected a span longer than 0s");
}
