// The deterministic whole: the same inputs give the same bytes, also after a restart anywhere; edits keep alerts.
#include <catch2/catch.hpp>
#include <random>

#include "core/core.h"
#include "core_bytes.h"
#include "records/decode.h"

using namespace tidewatch;

namespace {

LabelSet of(const std::string& endpoint) {
  return LabelSet(std::vector<std::pair<std::string, std::string>>{{"endpoint", endpoint}});
}

PackSpec small_pack() {
  PackSpec pack;
  pack.name = "small";
  StreamSpec api;
  api.name = "api";
  api.time = "ts";
  api.schema.columns = {
      {"ts", ColumnType::time, false}, {"endpoint", ColumnType::category, false}, {"ms", ColumnType::number, true}};
  pack.streams = {api};

  HandleSpec mean;
  mean.metric.metric = "mean";
  mean.metric.stream = "api";
  mean.metric.columns = {"ms"};
  mean.metric.window = *parse_window("1m");
  mean.metric.by = {"endpoint"};
  HandleSpec count = mean;
  count.metric.metric = "count";
  count.metric.columns.clear();
  count.metric.by.clear();
  pack.handles = {mean, count};

  MonitorSpec slow;
  slow.id = "small/slow";
  slow.pack = "small";
  slow.name = "slow";
  slow.value = 0;
  slow.every = seconds(5);
  Condition above;
  above.high = 50;
  slow.rules[2] = SeverityRule{above, seconds(10), 0, 0, Duration{0}};
  above.high = 80;
  slow.rules[3] = SeverityRule{above, seconds(20), 0, 0, seconds(15)};
  MonitorSpec busy = slow;
  busy.id = "small/busy";
  busy.name = "busy";
  busy.value = 1;
  busy.on_arrival = true;
  busy.rules = {};
  above.high = 12;
  busy.rules[1] = SeverityRule{above, Duration{0}, 3, 5, Duration{0}};
  pack.monitors = {slow, busy};
  pack.notifiers = {{"screen", "console", "", "", Severity::info}};
  return pack;
}

struct Input {
  bool is_tick = false;
  Instant at;
  std::string body;
};

std::vector<Input> random_inputs(std::mt19937& random, int count) {
  std::vector<Input> out;
  Instant now = *parse_instant("2026-03-02");
  std::uniform_int_distribution<int> small(0, 9);
  double level = 40;
  for (int i = 0; i < count; ++i) {
    now = now + milliseconds(200 + 400 * small(random) + (small(random) == 0 ? 90'000 : 0));
    if (small(random) < 4) {
      out.push_back({true, now, ""});
      continue;
    }
    if (small(random) == 0) level = 30.0 + 8.0 * small(random);
    Input in{false, now, ""};
    for (int r = small(random) % 4; r >= 0; --r) {
      const Instant at = now - milliseconds(900 * small(random));
      in.body += "{\"ts\":\"" + format_instant(at) + "\",\"endpoint\":\"" + (small(random) < 5 ? "/a" : "/b") +
                 "\",\"ms\":" + (small(random) == 0 ? "null" : std::to_string(level + small(random))) + "}\n";
    }
    out.push_back(in);
  }
  return out;
}

std::unique_ptr<Core> make(const PackSpec& pack) {
  auto core = Core::create(pack, nullptr, nullptr);
  REQUIRE(core.ok());
  return std::move(*core);
}

void apply(Core& core, Decoder& decoder, const Input& in, CoreOutput& out) {
  if (in.is_tick) {
    core.tick(in.at, out);
    return;
  }
  auto batch = decoder.decode(in.body, BodyFormat::ndjson);
  REQUIRE(batch.ok());
  core.feed("api", "http", *batch, in.at, out);
}

}  // namespace

TEST_CASE("the same inputs give the same journal, notifications and state, also across restarts at any point") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::size_t transitions = 0;
  for (int round = 0; round < 12; ++round) {
    const auto inputs = random_inputs(random, 400);
    const PackSpec pack = small_pack();
    auto decoder = Decoder::create(pack.streams[0]);
    REQUIRE(decoder.ok());
    auto unbroken = make(pack), again = make(pack), restarted = make(pack);
    CoreOutput a, b, c;
    for (const auto& in : inputs) {
      apply(*unbroken, *decoder, in, a);
      apply(*again, *decoder, in, b);
      apply(*restarted, *decoder, in, c);
      if (random() % 5 == 0) {
        const std::string saved = state_of(*restarted);
        restarted = make(pack);
        ByteReader reader(saved);
        REQUIRE(restarted->restore(reader).ok());
      }
    }
    REQUIRE(text_of(a) == text_of(b));
    REQUIRE(text_of(a) == text_of(c));
    REQUIRE((state_of(*unbroken) == state_of(*again)));
    transitions += a.journal.size();
  }
  REQUIRE(transitions > 100);
}

TEST_CASE("a damaged checkpoint is refused, never trusted and never a crash") {
  std::mt19937 random(7);
  const PackSpec pack = small_pack();
  auto decoder = Decoder::create(pack.streams[0]);
  auto core = make(pack);
  CoreOutput out;
  for (const auto& in : random_inputs(random, 200)) apply(*core, *decoder, in, out);
  const std::string saved = state_of(*core);
  for (std::size_t length = 0; length < saved.size(); length += 1 + length / 50) {
    auto fresh = make(pack);
    ByteReader reader(std::string_view(saved).substr(0, length));
    REQUIRE_FALSE(fresh->restore(reader).ok());
  }
}

namespace {

// Feeds one slow row a second until the alert of /a fires.
std::unique_ptr<Core> firing(const PackSpec& pack, Decoder& decoder, CoreOutput& out, Instant& now) {
  auto core = make(pack);
  now = *parse_instant("2026-03-02");
  for (int i = 0; i < 90; ++i) {
    now = now + seconds(1);
    apply(*core, decoder, {false, now, "{\"ts\":\"" + format_instant(now) + "\",\"endpoint\":\"/a\",\"ms\":60}\n"},
          out);
    core->tick(now, out);
  }
  const auto* instance = core->instance("slow", of("/a"));
  REQUIRE(instance);
  REQUIRE(instance->state() == AlertState::firing);
  return core;
}

}  // namespace

TEST_CASE("an edited threshold keeps the firing alert and its first instant; the next evaluation judges by it") {
  PackSpec pack = small_pack();
  auto decoder = Decoder::create(pack.streams[0]);
  CoreOutput out;
  Instant now;
  auto core = firing(pack, *decoder, out, now);
  const LabelSet a = of("/a");
  const auto active = core->instance("slow", a)->active_at();
  const std::string saved = state_of(*core);

  pack.monitors[0].rules[2]->condition.high = 55;
  auto edited = make(pack);
  ByteReader reader(saved);
  REQUIRE(edited->restore(reader).ok());
  CoreOutput later;
  for (int i = 0; i < 20; ++i) {
    now = now + seconds(1);
    apply(*edited, *decoder, {false, now, "{\"ts\":\"" + format_instant(now) + "\",\"endpoint\":\"/a\",\"ms\":60}\n"},
          later);
    edited->tick(now, later);
  }
  REQUIRE(edited->instance("slow", a)->state() == AlertState::firing);
  REQUIRE((edited->instance("slow", a)->active_at() == active));
  REQUIRE(later.notifications.empty());
  REQUIRE(later.journal.size() == 1);
  REQUIRE(later.journal[0].reason == "edited: warning");
}

TEST_CASE("a removed monitor ends its alert and says that it was removed") {
  PackSpec pack = small_pack();
  auto decoder = Decoder::create(pack.streams[0]);
  CoreOutput out;
  Instant now;
  auto core = firing(pack, *decoder, out, now);
  const std::string saved = state_of(*core);
  pack.monitors.erase(pack.monitors.begin());
  auto without = make(pack);
  ByteReader reader(saved);
  REQUIRE(without->restore(reader).ok());
  CoreOutput later;
  without->tick(now + seconds(1), later);
  REQUIRE(later.notifications.size() == 1);
  REQUIRE(later.notifications[0].event == "resolved");
  REQUIRE(later.notifications[0].reason == "monitor removed");
}

TEST_CASE("a renamed monitor that says what it was keeps its alert") {
  PackSpec pack = small_pack();
  auto decoder = Decoder::create(pack.streams[0]);
  CoreOutput out;
  Instant now;
  auto core = firing(pack, *decoder, out, now);
  const std::string saved = state_of(*core);
  pack.monitors[0].was = "slow";
  pack.monitors[0].name = "sluggish";
  pack.monitors[0].id = "small/sluggish";
  auto renamed = make(pack);
  ByteReader reader(saved);
  REQUIRE(renamed->restore(reader).ok());
  CoreOutput later;
  renamed->tick(now + seconds(1), later);
  REQUIRE(renamed->instance("sluggish", of("/a"))->state() == AlertState::firing);
  REQUIRE(later.notifications.empty());
}

TEST_CASE("label sets beyond the limit are counted in one alert and the first ones live on") {
  PackSpec pack = small_pack();
  pack.monitors[0].limit = 2;
  auto decoder = Decoder::create(pack.streams[0]);
  auto core = make(pack);
  CoreOutput out;
  Instant now = *parse_instant("2026-03-02");
  for (int i = 0; i < 30; ++i) {
    now = now + seconds(1);
    std::string body;
    for (const char* endpoint : {"/a", "/b", "/c", "/d"})
      body += "{\"ts\":\"" + format_instant(now) + "\",\"endpoint\":\"" + endpoint + "\",\"ms\":10}\n";
    apply(*core, *decoder, {false, now, body}, out);
    core->tick(now, out);
  }
  REQUIRE(core->instance("slow", of("/a")));
  REQUIRE(core->instance("slow", of("/b")));
  REQUIRE_FALSE(core->instance("slow", of("/c")));
  std::size_t told = 0;
  for (const auto& n : out.notifications) told += n.monitor == "small/slow:overflow";
  REQUIRE(told == 1);
}

TEST_CASE("a rule that was true at every verdict is named, over restarts, until it is false once or edited") {
  PackSpec pack = small_pack();
  pack.monitors.erase(pack.monitors.begin() + 1);
  auto decoder = Decoder::create(pack.streams[0]);
  auto core = make(pack);
  CoreOutput out;
  Instant now = *parse_instant("2026-03-02");
  // Between the two thresholds: warning is never quiet, critical never anything else.
  const auto minute = [&](double ms) {
    const Instant end = now + minutes(1);
    for (; now < end; now = now + seconds(5)) {
      apply(*core, *decoder,
            {false, now,
             "{\"ts\":\"" + format_instant(now) + "\",\"endpoint\":\"/a\",\"ms\":" + std::to_string(ms) + "}\n"},
            out);
      core->tick(now, out);
    }
  };
  minute(60);
  CHECK(core->never_quiet().empty());  // a dozen verdicts say nothing yet
  minute(60);
  ByteWriter saved;
  core->save(saved);
  core = make(pack);
  ByteReader in(saved.bytes());
  REQUIRE(core->restore(in));
  minute(61);
  const auto named = core->never_quiet();
  REQUIRE(named.size() == 1);
  CHECK(named[0].monitor == "slow");
  CHECK(named[0].severity == Severity::warning);
  CHECK(named[0].rule.find("above(50)") == 0);
  CHECK(named[0].labels == of("/a"));
  CHECK(named[0].verdicts >= 30);
  CHECK(named[0].since < *parse_instant("2026-03-02T00:00:20Z"));
  REQUIRE(named[0].reading.value);
  CHECK(*named[0].reading.value > 60);

  ByteWriter before_edit;
  core->save(before_edit);
  PackSpec edited = pack;
  edited.monitors[0].rules[2]->condition.high = 55;
  auto other = make(edited);
  ByteReader again(before_edit.bytes());
  REQUIRE(other->restore(again));
  CHECK(other->never_quiet().empty());

  minute(10);  // the mean falls below 50 before the minute is over
  minute(10);
  minute(60);
  minute(60);
  CHECK(core->never_quiet().empty());
}
