// What a core keeps to save work (which entry a row has, who sleeps, what is due) held against a core that keeps
// nothing and looks everything up at every evaluation: the same journal, notifications and checkpoint after each input.
#include <catch2/catch.hpp>
#include <random>

#include "core/core.h"
#include "core_bytes.h"
#include "records/decode.h"

using namespace tidewatch;

namespace {

// A function that judges: fires when the mean is large, refuses on few rows, fails now and then.
class SmallJudge : public Judge {
 public:
  Judgement judge(int, const LabelSet& labels, std::span<const std::pair<std::string_view, const Reading*>> inputs,
                  Instant) override {
    const Reading& all = *inputs[0].second;
    const Reading& mean = *inputs[1].second;
    Judgement out;
    if (mean.value && *mean.value > 95) {
      out.kind = Judgement::Kind::error;
      out.message = "no such field";
    } else if (all.n < 3) {
      out.kind = Judgement::Kind::unknown;
      out.message = "fewer than 3 rows";
    } else if (mean.value && *mean.value > 60) {
      out.kind = Judgement::Kind::fires;
      out.severity = Severity::warning;
      out.message = "slow " + labels.text();
    }
    return out;
  }
};

StreamSpec stream_named(const std::string& name) {
  StreamSpec s;
  s.name = name;
  s.time = "ts";
  s.idle = seconds(40);
  s.schema.columns = {
      {"ts", ColumnType::time, false}, {"endpoint", ColumnType::category, true}, {"ms", ColumnType::number, true}};
  return s;
}

PackSpec wide_pack(std::mt19937& random) {
  PackSpec pack;
  pack.name = "wide";
  pack.streams = {stream_named("api"), stream_named("jobs")};
  const auto metric = [](const std::string& name, const std::string& stream, const std::string& window, bool is_by) {
    HandleSpec h;
    h.metric.metric = name;
    h.metric.stream = stream;
    if (name != "count") h.metric.columns = {"ms"};
    h.metric.window = *parse_window(window);
    if (is_by) h.metric.by = {"endpoint"};
    return h;
  };
  HandleSpec open = metric("count", "api", "30s", true);
  open.metric.read = ReadMode::open;
  HandleSpec shifted, ratio;
  shifted.op = HandleSpec::Op::shifted;
  shifted.inputs = {0};
  shifted.span = seconds(30);
  ratio.op = HandleSpec::Op::deviation;
  ratio.inputs = {0, 4};
  pack.handles = {metric("mean", "api", "1m", true),
                  metric("count", "api", "1m", false),
                  metric("max", "jobs", "30s", true),
                  open,
                  shifted,
                  ratio};
  const auto add = [&](const std::string& name, int value) -> MonitorSpec& {
    MonitorSpec m;
    m.id = "wide/" + name;
    m.pack = "wide";
    m.name = name;
    m.value = value;
    m.every = seconds(1 + static_cast<int>(random() % 10));
    m.on_no_data = static_cast<NoDataPolicy>(random() % 4);
    m.limit = random() % 3 ? 1000 : 4;
    m.forget_after = random() % 2 ? seconds(70) : days(7);
    pack.monitors.push_back(std::move(m));
    return pack.monitors.back();
  };
  const auto above = [](double threshold, int input = -1) {
    Condition c;
    c.high = threshold;
    c.input = input;
    return c;
  };
  const auto rule = [](Condition c, int lasting) {
    return SeverityRule{std::move(c), seconds(lasting), 0, 0, Duration{0}};
  };
  add("slow", 0).rules[2] = rule(above(50), 10);
  auto& rises = add("rises", 0);
  rises.rules[2] = rule(above(0.4, 5), 0);
  rises.rules[3] = rule(above(9, 1), 5);  // an ungrouped handle beside a grouped value
  Condition absent;
  absent.kind = Condition::Kind::absent;
  absent.span = seconds(45);
  add("quiet", 2).rules[1] = rule(absent, 0);
  auto& busy = add("busy", 3);
  busy.on_arrival = true;
  busy.rules[1] = SeverityRule{above(3), Duration{0}, 2, 3, Duration{0}};
  add("total", 1).rules[3] = rule(above(12), 20);
  auto& judged = add("judged", -1);
  judged.judge = 0;
  judged.inputs = {{"all", 1}, {"mean", 0}, {"worst", 2}};
  pack.notifiers = {{"screen", "console", "", "", Severity::info}};
  return pack;
}

std::unique_ptr<Core> make(const PackSpec& pack, SmallJudge& judge, bool is_plain) {
  auto core = Core::create(pack, &judge, nullptr);
  REQUIRE(core.ok());
  if (is_plain) (*core)->work_plainly();
  return std::move(*core);
}

}  // namespace

TEST_CASE("a core that keeps its lookups does what a core that keeps none does, input by input") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::size_t rows_told = 0, forgotten = 0, refused = 0;
  for (int round = 0; round < 24; ++round) {
    SmallJudge judge;
    const PackSpec pack = wide_pack(random);
    auto quick = make(pack, judge, false), plain = make(pack, judge, true);
    auto decoder = Decoder::create(pack.streams[0]);
    REQUIRE(decoder.ok());
    CoreOutput a, b;
    Instant now = *parse_instant("2026-03-02");
    int first = 0;  // endpoints come and go: a window of seven names moves along
    for (int i = 0; i < 250; ++i) {
      now = now + milliseconds(150 + 300 * static_cast<int>(random() % 10) + (random() % 25 == 0 ? 120'000 : 0));
      if (random() % 12 == 0) ++first;
      if (random() % 10 < 4) {
        quick->tick(now, a);
        plain->tick(now, b);
      } else if (random() % 60 == 0) {
        quick->restarted(now, a);
        plain->restarted(now, b);
      } else {
        std::string body;
        const double level = random() % 6 == 0 ? 90 : 40;
        for (int r = static_cast<int>(random() % 6); r >= 0; --r) {
          const Instant at = now - milliseconds(700 * static_cast<int>(random() % 12));
          const std::string endpoint =
              random() % 9 == 0 ? "null" : "\"/" + std::to_string(first + static_cast<int>(random() % 7)) + "\"";
          body += "{\"ts\":\"" + format_instant(at) + "\",\"endpoint\":" + endpoint +
                  ",\"ms\":" + std::to_string(level + static_cast<double>(random() % 10)) + "}\n";
        }
        auto batch = decoder->decode(body, BodyFormat::ndjson);
        REQUIRE(batch.ok());
        const std::string stream = random() % 4 ? "api" : "jobs";
        quick->feed(stream, "http", *batch, now, a);
        plain->feed(stream, "http", *batch, now, b);
      }
      INFO("round " << round << " input " << i);
      REQUIRE((text_of(a) == text_of(b)));
      REQUIRE((state_of(*quick) == state_of(*plain)));
      REQUIRE((quick->next_due() == plain->next_due()));
      rows_told += a.journal.size();
      for (const auto& j : a.journal) {
        forgotten += j.reason == "forgotten";
        refused += j.kind == "overflow";
      }
      a = b = CoreOutput();
      if (random() % 40 == 0) {
        const std::string saved = state_of(*quick);  // the same as the other's
        quick = make(pack, judge, false);
        plain = make(pack, judge, true);
        ByteReader for_quick(saved), for_plain(saved);
        REQUIRE(quick->restore(for_quick).ok());
        REQUIRE(plain->restore(for_plain).ok());
      }
    }
  }
  CHECK(rows_told > 1000);
  CHECK(forgotten > 0);
  CHECK(refused > 0);
}
