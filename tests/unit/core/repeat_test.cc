// Repeatability of the whole with every kind of window and state in it: sketches, exact sums, rows windows, sequential
// families, drift against a baseline that is learnt on the way. A checkpoint is one sequence of bytes: saved, restored
// and saved again, it is the same; and what the senders' batches and order were is in no value.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "core/core.h"
#include "core_bytes.h"
#include "records/decode.h"

using namespace tidewatch;

namespace {

const Instant begin = *parse_instant("2026-03-02T00:00:00");

HandleSpec handle(const std::string& metric, std::vector<std::string> columns, const std::string& over,
                  std::vector<std::string> by = {}, const std::string& against = "") {
  HandleSpec h;
  h.op = HandleSpec::Op::metric;
  h.metric.metric = metric;
  h.metric.stream = "api";
  h.metric.columns = std::move(columns);
  h.metric.window = *parse_window(over);
  h.metric.by = std::move(by);
  h.metric.against = against;
  h.metric.lateness = seconds(30);
  return h;
}

PackSpec rich_pack(Duration disorder = Duration{0}) {
  PackSpec pack;
  pack.name = "rich";
  StreamSpec api;
  api.name = "api";
  api.time = "ts";
  api.disorder = disorder;
  api.schema.columns = {{"ts", ColumnType::time, false},
                        {"endpoint", ColumnType::category, false},
                        {"ms", ColumnType::number, true},
                        {"score", ColumnType::number, true},
                        {"outcome", ColumnType::number, true}};
  pack.streams = {api};
  BaselineSpec first_minutes;
  first_minutes.name = "first";
  first_minutes.stream = "api";
  first_minutes.has_span = true;
  first_minutes.from = begin;
  first_minutes.to = begin + minutes(2);
  pack.baselines = {first_minutes};
  pack.handles = {handle("mean", {"ms"}, "1m", {"endpoint"}),
                  handle("p95", {"ms"}, "5m"),
                  handle("standard_deviation", {"ms"}, "20 rows", {"endpoint"}),
                  handle("last", {"ms"}, "1m"),
                  handle("directional_hit_rate", {"score", "outcome"}, "2m"),
                  handle("psi", {"ms"}, "3m", {}, "first"),
                  handle("psi", {"endpoint"}, "3m", {}, "first"),
                  handle("rmse", {"score", "outcome"}, "1m"),
                  handle("count", {}, "1m"),
                  handle("null_rate", {"ms"}, "1m", {"endpoint"})};
  pack.handles[5].metric.min_n = pack.handles[6].metric.min_n = 20;
  // Detectors and a trend: states of a series that walk along its readings.
  const auto walks = [&pack](HandleSpec::Op op, HandleId of) -> HandleSpec& {
    HandleSpec h;
    h.op = op;
    h.inputs = {of};
    h.span = minutes(2);
    pack.handles.push_back(h);
    return pack.handles.back();
  };
  using Op = HandleSpec::Op;
  using Kind = DetectorSpec::Kind;
  walks(Op::detector, 0).detector.warm = 10;
  DetectorSpec& median = walks(Op::detector, 3).detector;
  median.kind = Kind::mad;
  median.over = minutes(1);
  DetectorSpec& rises = walks(Op::detector, 2).detector;
  rises.kind = Kind::page_hinkley;
  rises.over = seconds(30);
  rises.limit = 15;
  DetectorSpec& changes = walks(Op::detector, 8).detector;
  changes.kind = Kind::kswin;
  changes.over = minutes(1);
  changes.size = 40;
  changes.recent = 15;
  walks(Op::forecast, 1).ahead = minutes(1);
  walks(Op::max_over, 10);
  for (std::size_t i = 0; i < pack.handles.size(); ++i) {
    MonitorSpec m;
    m.name = "m" + std::to_string(i);
    m.id = "rich/" + m.name;
    m.pack = "rich";
    m.value = static_cast<int>(i);
    m.every = seconds(1 + static_cast<std::int64_t>(i) % 5);
    m.on_arrival = i == 8;
    SeverityRule rule;
    rule.condition.high = i == 0 || i == 1 || i == 3 ? 52 : i == 8 ? 15 : 0.3;
    rule.lasting = seconds(static_cast<std::int64_t>(i) % 3 * 4);
    if (i == 2) {
      rule.lasting = Duration{0};
      rule.times = 3;
      rule.times_of = 5;
      rule.keep_firing = seconds(9);
    }
    m.rules[1 + i % 3] = rule;
    pack.monitors.push_back(m);
  }
  NotifierSpec screen;
  screen.name = "screen";
  screen.kind = "console";
  pack.notifiers = {screen};
  return pack;
}

struct Row {
  Instant at;
  std::string json;
};

std::vector<Row> random_rows(std::mt19937_64& random, int count) {
  std::vector<Row> out;
  Instant at = begin;
  double level = 45;
  for (int i = 0; i < count; ++i) {
    at = at + milliseconds(static_cast<std::int64_t>(random() % 900));
    if (random() % 40 == 0) level = 30 + static_cast<double>(random() % 40);
    const auto number = [&](double x) {
      return random() % 15 == 0 ? std::string("null") : std::to_string(x + static_cast<double>(random() % 1000) / 97.0);
    };
    out.push_back({at, "{\"ts\":\"" + format_instant(at) + "\",\"endpoint\":\"/" +
                           std::string(1, static_cast<char>('a' + random() % 4)) + "\",\"ms\":" + number(level) +
                           ",\"score\":" + number(0.1) + ",\"outcome\":" + number(0.2) + "}\n"});
  }
  return out;
}

std::unique_ptr<Core> make(const PackSpec& pack) {
  auto core = Core::create(pack, nullptr, nullptr);
  if (!core) FAIL(core.error().text);
  return std::move(*core);
}

std::unique_ptr<Core> restored(const PackSpec& pack, const std::string& bytes) {
  auto core = make(pack);
  ByteReader in(bytes);
  const Done ok = core->restore(in);
  if (!ok) FAIL(ok.error().text);
  return core;
}

void feed(Core& core, Decoder& decoder, const std::string& body, Instant now, CoreOutput& out) {
  auto batch = decoder.decode(body, BodyFormat::ndjson);
  REQUIRE(batch.ok());
  core.feed("api", "http", *batch, now, out);
}

}  // namespace

TEST_CASE("a checkpoint restored and saved again is the same bytes, and so is the run that goes on from it") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  std::size_t said = 0;
  for (int round = 0; round < 6; ++round) {
    const PackSpec pack = rich_pack();
    auto decoder = Decoder::create(pack.streams[0]);
    auto unbroken = make(pack), broken = make(pack);
    CoreOutput a, b;
    const auto rows = random_rows(random, 700);
    Instant now = begin;
    for (std::size_t i = 0; i < rows.size();) {
      std::string body;
      for (auto n = 1 + random() % 9; n > 0 && i < rows.size(); --n, ++i) {
        body += rows[i].json;
        now = std::max(now, rows[i].at);
      }
      if (random() % 60 == 0) now = now + seconds(static_cast<std::int64_t>(random() % 120));
      for (auto* run : {&unbroken, &broken}) {
        CoreOutput& out = run == &unbroken ? a : b;
        feed(**run, *decoder, body, now, out);
        (*run)->tick(now, out);
      }
      if (random() % 6 != 0) continue;
      const std::string bytes = state_of(*broken);
      broken = restored(pack, bytes);
      INFO("round " << round << ", row " << i);
      REQUIRE((state_of(*broken) == bytes));
      REQUIRE((state_of(*unbroken) == bytes));
    }
    REQUIRE(text_of(a) == text_of(b));
    said += a.journal.size();
  }
  CHECK(said > 200);
}

TEST_CASE("how rows are split into batches, and their order within what is allowed, changes no value by a bit") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 8; ++round) {
    PackSpec pack = rich_pack(seconds(10));
    pack.monitors.clear();  // what is read on the way may differ: rows in other batches land at other instants
    auto decoder = Decoder::create(pack.streams[0]);
    const auto rows = random_rows(random, 500);
    std::string wanted;
    for (int way = 0; way < 4; ++way) {
      auto order = rows;
      // Each row is late by at most 8 s of event time against any before it.
      if (way > 0) {
        std::vector<std::pair<std::int64_t, std::size_t>> keys;
        for (std::size_t i = 0; i < rows.size(); ++i)
          keys.emplace_back(rows[i].at.ns + static_cast<std::int64_t>(random() % 8'000'000'000ull), i);
        std::sort(keys.begin(), keys.end());
        for (std::size_t i = 0; i < rows.size(); ++i) order[i] = rows[keys[i].second];
      }
      auto core = make(pack);
      CoreOutput out;
      Instant now = begin;
      for (std::size_t i = 0; i < order.size();) {
        std::string body;
        for (auto n = way == 0 ? 1 : 1 + random() % 60; n > 0 && i < order.size(); --n, ++i) {
          body += order[i].json;
          now = std::max(now, order[i].at);
        }
        feed(*core, *decoder, body, now, out);
        if (random() % 3 == 0) core->tick(now, out);
      }
      const Instant end = rows.back().at + seconds(10);
      core->tick(end, out);
      std::string values;
      for (std::size_t h = 0; h < pack.handles.size(); ++h) {
        std::vector<SeriesReading> readings;
        core->metrics().read(static_cast<HandleId>(h), end, readings);
        std::vector<std::string> lines;
        for (const auto& r : readings) {
          ByteWriter bytes;
          Reading plain = r.reading;
          plain.revision = 0;  // how often a value was corrected on the way is the way's
          write_reading(bytes, plain);
          lines.push_back(r.labels->text() + bytes.take());
        }
        std::sort(lines.begin(), lines.end());
        for (const auto& line : lines) values += std::to_string(h) + line + "\n";
      }
      if (way == 0) wanted = values;
      INFO("round " << round << ", way " << way);
      const auto split = [](const std::string& text, std::size_t h) {
        const auto from = text.find("\n" + std::to_string(h));
        return text.substr(from == std::string::npos ? 0 : from, 400);
      };
      for (std::size_t h = 0; h < pack.handles.size(); ++h) {
        INFO("handle " << h);
        CHECK((split(values, h) == split(wanted, h)));
      }
      REQUIRE((values == wanted));
    }
  }
}

TEST_CASE("a baseline file edited between two runs counts anew; one that was not keeps its windows") {
  PackSpec pack = rich_pack();
  pack.baselines[0].has_span = false;
  pack.baselines[0].file = "first.ndjson";
  pack.monitors.clear();
  auto decoder = Decoder::create(pack.streams[0]);
  std::mt19937_64 random(11);
  const auto rows = random_rows(random, 600);
  const auto text = [&](std::size_t from, std::size_t to) {
    std::string out;
    for (std::size_t i = from; i < to; ++i) out += rows[i].json;
    return out;
  };
  const auto with_baseline = [&](std::size_t count) {
    auto core = make(pack);
    core->baseline_rows("first", *decoder->decode(text(0, count), BodyFormat::ndjson));
    core->baseline_seal("first");
    return core;
  };
  const auto psi = [&](Core& core) { return core.metrics().read_one(5, LabelSet(), rows[599].at); };
  auto before = with_baseline(100);
  CoreOutput out;
  feed(*before, *decoder, text(0, 600), rows[599].at, out);
  REQUIRE(psi(*before).baseline_n > 80);
  const std::string bytes = state_of(*before);

  auto same = with_baseline(100);
  ByteReader in(bytes);
  REQUIRE(same->restore(in).ok());
  CHECK((state_of(*same) == bytes));
  CHECK(psi(*same).value == psi(*before).value);

  auto edited = with_baseline(300);
  ByteReader again(bytes);
  REQUIRE(edited->restore(again).ok());
  // As if it had the new rows from the beginning and saw the stream from here on.
  auto fresh = with_baseline(300);
  std::string later;
  for (int i = 0; i < 300; ++i)
    later += "{\"ts\":\"" + format_instant(rows[599].at + seconds(i)) +
             "\",\"endpoint\":\"/a\",\"ms\":" + std::to_string(40 + i % 30) + ",\"score\":1,\"outcome\":1}\n";
  const Instant end = rows[599].at + seconds(300);
  for (Core* core : {edited.get(), fresh.get()}) feed(*core, *decoder, later, end, out);
  const Reading a = edited->metrics().read_one(5, LabelSet(), end), b = fresh->metrics().read_one(5, LabelSet(), end);
  CHECK(a.baseline_n > psi(*before).baseline_n);
  CHECK(a.baseline_n == b.baseline_n);
  REQUIRE(a.value.has_value());
  CHECK(a.value == b.value);
}
