// Strikes, quarantine and trials, first alone, then inside a core: a failing function raises and resolves nothing.
#include <catch2/catch.hpp>
#include <functional>
#include <random>

#include "core/core.h"
#include "core/script_units.h"

using namespace tidewatch;

namespace {

using Inputs = std::span<const std::pair<std::string_view, const Reading*>>;

// Answers as told and counts how often it was asked.
struct FakeJudge : Judge, RowPredicate {
  std::function<Judgement(int, const LabelSet&, Instant)> answer = [](int, const LabelSet&, Instant) {
    return Judgement();
  };
  bool chooses = true;
  int calls = 0;
  std::vector<std::string> asked;
  Judgement judge(int function, const LabelSet& labels, Inputs, Instant now) override {
    ++calls;
    asked.push_back(labels.text());
    return answer(function, labels, now);
  }
  bool test(int, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) override {
    ++calls;
    out.assign(batch.rows, 1);
    if (!chooses) reason = "small/pack.lua:9: it fails";
    return chooses;
  }
};

Judgement failing(Judgement::Failure failure, const std::string& text = "small/pack.lua:7: it fails") {
  Judgement out;
  out.kind = Judgement::Kind::error;
  out.failure = failure;
  out.message = text;
  out.traceback = "  small/pack.lua:7: in a function {odd}";
  out.used = milliseconds(3);
  return out;
}

Judgement firing() {
  Judgement out;
  out.kind = Judgement::Kind::fires;
  out.severity = Severity::critical;
  out.message = "too high";
  return out;
}

PackSpec pack_with(int monitors) {
  PackSpec pack;
  pack.name = "small";
  pack.hash = "1";
  for (int i = 0; i < monitors; ++i) {
    MonitorSpec m;
    m.name = "m" + std::to_string(i);
    m.id = "small/" + m.name;
    m.pack = "small";
    m.team = "desk";
    m.judge = i;
    m.every = seconds(1);
    pack.monitors.push_back(m);
  }
  pack.notifiers = {{"screen", "console", "", "", Severity::info}};
  return pack;
}

const Instant start = *parse_instant("2026-03-02T10:00:00Z");
const LabelSet none;

std::string kinds(const CoreOutput& out, const std::string& kind) {
  std::string text;
  for (const auto& row : out.journal)
    if (row.kind == kind) text += row.monitor + " " + row.from + ">" + row.to + ";";
  return text;
}

}  // namespace

TEST_CASE("three strikes in a row quarantine a unit; trials follow after 1, 5 and 30 minutes, then each hour") {
  FakeJudge fake;
  fake.answer = [](int, const LabelSet&, Instant) { return failing(Judgement::Failure::error); };
  ScriptUnits units(pack_with(1), &fake, nullptr);
  std::vector<Instant> called;
  for (Instant at = start; at < start + hours(5); at = at + seconds(1)) {
    units.begin(at);
    const int before = fake.calls;
    const Judgement got = units.judge(0, none, {}, at);
    REQUIRE(got.kind == Judgement::Kind::error);
    if (fake.calls > before) called.push_back(at);
  }
  const std::vector<Duration> wanted{seconds(0),  seconds(1),  seconds(2),   minutes(1),   minutes(6),
                                     minutes(36), minutes(96), minutes(156), minutes(216), minutes(276)};
  REQUIRE(called.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    CHECK(called[i] == start + wanted[i] + (i > 2 ? seconds(2) : seconds(0)));
}

TEST_CASE("a success restores a quarantined unit at once, with all of its strikes") {
  FakeJudge fake;
  bool is_good = false;
  fake.answer = [&](int, const LabelSet&, Instant) {
    return is_good ? Judgement() : failing(Judgement::Failure::budget);
  };
  ScriptUnits units(pack_with(1), &fake, nullptr);
  units.begin(start);
  for (int i = 0; i < 3; ++i) units.judge(0, none, {}, start);
  CHECK(units.quarantined() == 1);  // budgets count each time, within one instant too
  is_good = true;
  units.begin(start + seconds(30));
  CHECK(units.judge(0, none, {}, start).failure == Judgement::Failure::quarantined);
  units.begin(start + hours(1));
  CHECK(units.judge(0, none, {}, start).kind == Judgement::Kind::ok);
  CHECK(units.quarantined() == 0);
  is_good = false;
  units.judge(0, none, {}, start);
  units.judge(0, none, {}, start);
  CHECK(units.quarantined() == 0);
}

TEST_CASE("errors of some label sets do not silence a monitor that judges others") {
  FakeJudge fake;
  fake.answer = [](int, const LabelSet& labels, Instant) {
    return labels.empty() ? Judgement() : failing(Judgement::Failure::error);
  };
  ScriptUnits units(pack_with(1), &fake, nullptr);
  const LabelSet bad(std::vector<std::pair<std::string, std::string>>{{"shop", "x"}});
  for (int i = 0; i < 20; ++i) {
    units.begin(start + seconds(i));
    // In either order.
    for (int k = 0; k < 2; ++k) units.judge(0, (i + k) % 2 == 0 ? none : bad, {}, start);
    units.judge(0, bad, {}, start);
  }
  CHECK(units.quarantined() == 0);
}

TEST_CASE("memory strikes every unit of the pack, an error only its own") {
  FakeJudge fake;
  fake.answer = [](int function, const LabelSet&, Instant) {
    return function == 0 ? failing(Judgement::Failure::memory) : failing(Judgement::Failure::error);
  };
  ScriptUnits units(pack_with(3), &fake, nullptr);
  for (int i = 0; i < 2; ++i) {
    units.begin(start + seconds(i));
    units.judge(0, none, {}, start);
  }
  CHECK(units.quarantined() == 0);
  units.begin(start + seconds(2));
  units.judge(1, none, {}, start);
  CHECK(units.quarantined() == 1);
  units.judge(0, none, {}, start);
  CHECK(units.quarantined() == 3);
}

TEST_CASE("a kept quarantine goes on after a restart, and not over an edit") {
  FakeJudge fake;
  fake.answer = [](int, const LabelSet&, Instant) { return failing(Judgement::Failure::budget); };
  PackSpec pack = pack_with(2);
  ScriptUnits units(pack, &fake, nullptr);
  units.begin(start);
  for (int i = 0; i < 3; ++i) units.judge(0, none, {}, start);
  ByteWriter out;
  units.save(out);
  for (const char* hash : {"1", "2"}) {
    pack.hash = hash;
    ScriptUnits again(pack, &fake, nullptr);
    ByteReader in(out.bytes());
    REQUIRE(again.restore(in));
    again.begin(start + seconds(10));
    CHECK(again.quarantined() == (pack.hash == "1" ? 1 : 0));
    ByteWriter twice;
    again.save(twice);
    if (pack.hash == "1") CHECK(twice.bytes() == out.bytes());
  }
}

TEST_CASE("a firing alert is held while its function fails, and one health alert begins and ends") {
  FakeJudge fake;
  fake.answer = [](int, const LabelSet&, Instant) { return firing(); };
  auto core = std::move(*Core::create(pack_with(1), &fake, &fake));
  CoreOutput out;
  core->tick(start, out);
  const AlertInstance* alert = core->instance("m0", none);
  REQUIRE(alert != nullptr);
  REQUIRE(alert->state() == AlertState::firing);
  fake.answer = [](int, const LabelSet&, Instant) { return failing(Judgement::Failure::error); };
  out = {};
  for (int i = 1; i < 600; ++i) {
    core->tick(start + seconds(i), out);
    REQUIRE(alert->state() == AlertState::firing);
  }
  CHECK(kinds(out, "script_error") == "small/m0:error ok>firing;");
  CHECK(kinds(out, "script_quarantine") == "small/m0 called>quarantined;");
  CHECK(core->quarantined_scripts() == 1);
  CHECK(core->counters().script_errors == 5);  // three strikes and two trials
  REQUIRE(out.notifications.size() == 1);
  const Notification& told = out.notifications[0];
  CHECK(told.event == "firing");
  CHECK(told.labels.get("team") == "desk");
  std::string all;
  for (const auto& [name, text] : told.annotations) all += name + "=" + text + "\n";
  CHECK(all ==
        "summary=small/pack.lua:7: it fails\ntraceback=  small/pack.lua:7: in a function {odd}\ncpu_time=3 ms\n"
        "last_good=2026-03-02T10:00:00Z\n");
  fake.answer = [](int, const LabelSet&, Instant) { return Judgement(); };
  out = {};
  for (int i = 600; i < 4000; ++i) core->tick(start + seconds(i), out);
  CHECK(kinds(out, "script_error") == "small/m0:error firing>ok;");
  CHECK(kinds(out, "script_quarantine") == "small/m0 quarantined>called;");
  CHECK(alert->state() == AlertState::ok);
}

TEST_CASE("what was put off goes first at the next tick, and every label set gets its turn") {
  PackSpec pack = pack_with(3);
  FakeJudge fake;
  int left = 0;
  std::map<int, int> judged;
  fake.answer = [&](int function, const LabelSet&, Instant) {
    Judgement out;
    if (left-- <= 0) {
      out.kind = Judgement::Kind::missed;
      out.message = "later";
    } else {
      ++judged[function];
    }
    return out;
  };
  auto core = std::move(*Core::create(pack, &fake, &fake));
  for (int i = 0; i < 30; ++i) {
    left = 1;  // of three
    CoreOutput out;
    core->tick(start + seconds(i), out);
  }
  CHECK(core->counters().evaluations == 30);
  CHECK(core->counters().missed == 60);
  CHECK(judged == std::map<int, int>{{0, 10}, {1, 10}, {2, 10}});
  for (const char* name : {"m0", "m1", "m2"}) {
    REQUIRE(core->instance(name, none) != nullptr);
    CHECK(core->instance(name, none)->state() != AlertState::firing);
  }
}
