// The transition table, the table of missing verdicts by policy, edits and restarts: one row of
// docs/reference/alert-states.md a case, each asserted with its reason.
#include <catch2/catch.hpp>

#include "timeline.h"

using namespace tidewatch;
using namespace tidewatch::test;

namespace {

using Kind = Observation::Kind;
constexpr auto none = std::nullopt;

InstanceRules two_severities(NoDataPolicy policy = NoDataPolicy::no_data) {
  InstanceRules rules;
  rules.rules[2] = lasting(above(10), minutes(2));
  rules.rules[3] = above(20);
  rules.every = minutes(1);
  rules.no_data_after = minutes(2);
  rules.on_no_data = policy;
  rules.flapping = false;
  return rules;
}

Timeline start(InstanceRules rules) { return Timeline{std::move(rules), {}, {}, {}}; }

std::string repeat(Timeline& t, int n, Kind kind, const std::string& status = "") {
  std::string out;
  for (int i = 0; i < n; ++i) out += t.step(seen_status(kind, status));
  return out;
}

const Transition& last(const Timeline& t) { return t.rows.back(); }

}  // namespace

TEST_CASE("a label set seen first is a row of its own and judged as from ok") {
  auto t = start(two_severities());
  CHECK(t.feed({25}) == "C");
  REQUIRE(t.rows.size() == 2);
  CHECK(t.rows[0].reason == "first seen");
  CHECK_FALSE(t.rows[0].notify);
  CHECK(t.rows[1].reason == "fired");
  CHECK(t.rows[1].from == AlertState::ok);
  CHECK(t.rows[1].notify);
  CHECK_FALSE(t.rows[1].is_resolve);
}

TEST_CASE("an alert keeps the instants of its life") {
  auto t = start(two_severities());
  t.feed({5, 15, 15, 15, 25, 15, 5, 5});
  CHECK(t.reasons() == "condition true, lasting elapsed, severity raised, severity lowered, condition cleared");
  CHECK(t.alert.active_at() == Instant{} + minutes(1));
  CHECK(t.alert.fired_at() == Instant{} + minutes(3));
  CHECK(t.alert.resolved_at() == Instant{} + minutes(6));
  CHECK(t.alert.peak() == Severity::critical);
  CHECK(t.alert.severity() == Severity::none);
  CHECK(last(t).is_resolve);
  CHECK(last(t).severity_from == Severity::warning);
  // The same labels leaving ok again are a new alert.
  t.feed({15});
  CHECK(t.alert.active_at() == Instant{} + minutes(8));
  CHECK_FALSE(t.alert.fired_at());
  CHECK_FALSE(t.alert.resolved_at());
  CHECK(t.alert.peak() == Severity::none);
}

TEST_CASE("pending that calms down is cleared and nothing is sent") {
  auto t = start(two_severities());
  CHECK(t.feed({15, 5}) == "Po");
  CHECK(last(t).reason == "condition false");
  CHECK_FALSE(t.alert.active_at());
  for (const auto& row : t.rows) CHECK_FALSE(row.notify);
}

TEST_CASE("a fall lands at once on what is true, without waiting for the lower severity's lasting") {
  auto t = start(two_severities());
  CHECK(t.feed({25, 15, 5}) == "CWo");
  CHECK(t.reasons() == "fired, severity lowered, condition cleared");
}

TEST_CASE("times reached is said so") {
  auto rules = two_severities();
  rules.rules[2] = times(above(10), 3);
  auto t = start(rules);
  CHECK(t.feed({15, 15, 15}) == "PPW");
  CHECK(t.reasons() == "condition true, times reached");
}

TEST_CASE("one missed sample neither resets nor advances lasting") {
  auto t = start(two_severities());
  CHECK(t.feed({15, 15, none, 15}) == "PPPW");
  auto u = start(two_severities());
  CHECK(u.feed({15, none, 15, 15}) == "PPPW");
  auto unbroken = start(two_severities());
  CHECK(unbroken.feed({15, 15, 15}) == "PPW");
}

TEST_CASE("no verdict is not pushed into a times ring") {
  auto rules = two_severities();
  rules.rules[2] = times(above(10), 3);
  auto t = start(rules);
  CHECK(t.feed({15, 15, none, 15}) == "PPPW");
}

TEST_CASE("a times ring advances only with new rows") {
  auto rules = two_severities();
  rules.rules[2] = times(above(10), 3);
  auto t = start(rules);
  auto seen = seen_value(rules, 15);
  CHECK(t.step(seen) == 'P');
  seen.saw_new_rows = false;
  for (int i = 0; i < 5; ++i) CHECK(t.step(seen) == 'P');
  seen.saw_new_rows = true;
  CHECK(t.step(seen) == 'P');
  CHECK(t.step(seen) == 'W');
  auto calm = seen_value(rules, 5);
  calm.saw_new_rows = false;
  CHECK(t.step(calm) == 'o');
}

TEST_CASE("keep_firing stands still without a verdict") {
  auto rules = two_severities();
  rules.rules[3] = lasting(above(20), Duration{0}, minutes(2));
  auto t = start(rules);
  CHECK(t.feed({25, 5, none, none, 5, 5}) == "CCCCCo");
}

TEST_CASE("no verdict by cause and policy, from ok, pending and firing") {
  struct Row {
    Kind kind;
    std::string status;
    NoDataPolicy policy;
    std::string from_ok, from_pending, from_firing;  // three evaluations: no_data_after is over at the third
  };
  const std::vector<Row> table{
      {Kind::no_data, "", NoDataPolicy::no_data, "oon", "PPn", "CCC"},
      {Kind::no_data, "", NoDataPolicy::keep, "ooo", "PPP", "CCC"},
      {Kind::no_data, "", NoDataPolicy::ok, "ooo", "PPo", "CCo"},
      {Kind::no_data, "", NoDataPolicy::alert, "ooC", "PPC", "CCC"},
      {Kind::no_verdict, "insufficient", NoDataPolicy::no_data, "oou", "PPu", "CCC"},
      {Kind::no_verdict, "immature", NoDataPolicy::keep, "oou", "PPu", "CCC"},
      {Kind::no_verdict, "undefined", NoDataPolicy::ok, "oou", "PPu", "CCC"},
      {Kind::no_verdict, "unknown: fewer than 100 fills", NoDataPolicy::alert, "oou", "PPu", "CCC"},
      {Kind::error, "", NoDataPolicy::ok, "oou", "PPu", "CCC"},
      {Kind::error, "", NoDataPolicy::alert, "oou", "PPu", "CCC"},
  };
  for (const Row& row : table) {
    INFO("kind " << static_cast<int>(row.kind) << " status " << row.status << " policy "
                 << static_cast<int>(row.policy));
    auto calm = start(two_severities(row.policy));
    calm.feed({5});
    CHECK(repeat(calm, 3, row.kind, row.status) == row.from_ok);
    auto pending = start(two_severities(row.policy));
    pending.feed({15});
    CHECK(repeat(pending, 3, row.kind, row.status) == row.from_pending);
    auto firing = start(two_severities(row.policy));
    firing.feed({25});
    CHECK(repeat(firing, 3, row.kind, row.status) == row.from_firing);

    const std::string cause = row.kind == Kind::no_data ? "no data" : row.kind == Kind::error ? "error" : row.status;
    const bool is_calm = row.from_firing.back() == 'o';
    CHECK(firing.alert.held() == (is_calm ? "" : "held: " + cause));
    CHECK(last(firing).reason == (is_calm ? "condition cleared" : "held: " + cause));
    if (row.from_ok.back() == 'n' || row.from_ok.back() == 'u') {
      CHECK(last(calm).reason == cause);
      CHECK_FALSE(last(calm).notify);
      CHECK_FALSE(pending.alert.active_at());
    }
    if (row.from_ok.back() == 'C') {
      CHECK(last(calm).reason == "no data");
      CHECK(last(calm).notify);
      CHECK(calm.alert.held() == "held: no data");
    }
  }
}

TEST_CASE("policy alert raises a lower severity to the highest declared, once") {
  auto t = start(two_severities(NoDataPolicy::alert));
  CHECK(t.feed({25, 15}) == "CW");
  CHECK(repeat(t, 4, Kind::no_data) == "WWCC");
  CHECK(t.reasons() == "fired, severity lowered, held: no data, no data");
  CHECK(t.feed({15, 5}) == "Wo");
}

TEST_CASE("data back from no_data and unknown is judged as from ok") {
  for (const Kind kind : {Kind::no_data, Kind::error}) {
    for (const auto& [value, letter] : std::vector<std::pair<double, char>>{{5, 'o'}, {15, 'P'}, {25, 'C'}}) {
      auto t = start(two_severities());
      t.feed({5});
      repeat(t, 3, kind);
      CHECK(t.feed({value}) == std::string(1, letter));
      CHECK(last(t).reason == "data back");
      CHECK(last(t).notify == (letter == 'C'));
    }
  }
}

TEST_CASE("the cause of the blindness is followed: no_data becomes unknown and back") {
  auto t = start(two_severities());
  t.feed({5});
  CHECK(repeat(t, 3, Kind::no_data) == "oon");
  CHECK(repeat(t, 2, Kind::no_verdict, "insufficient") == "uu");
  CHECK(repeat(t, 1, Kind::no_data) == "n");
}

TEST_CASE("a held alert goes on as firing when data is back") {
  auto t = start(two_severities());
  t.feed({25});
  repeat(t, 10, Kind::error);
  CHECK(t.feed({25, 5}) == "Co");
  CHECK(t.reasons() == "fired, held: error, data back, condition cleared");
  // A held alert keeps the evidence it fired on.
  auto held = start(two_severities());
  held.feed({25});
  repeat(held, 3, Kind::no_data);
  CHECK(held.alert.last_reading().value == 25.0);
}

TEST_CASE("policy ok with keep_firing keeps, counted from the evaluation that took no data as calm") {
  auto rules = two_severities(NoDataPolicy::ok);
  rules.rules[3] = lasting(above(20), Duration{0}, minutes(2));
  auto t = start(rules);
  CHECK(t.feed({25, none, none, none, none, none}) == "CCCCCo");
  CHECK(t.reasons() == "fired, keep firing, keep firing elapsed");
}

TEST_CASE("a severity without a verdict is held while the others are judged") {
  InstanceRules rules = two_severities();
  rules.rules[2] = above(10);
  auto t = start(rules);
  auto seen = seen_value(rules, 25);
  CHECK(t.step(seen) == 'C');
  seen = seen_value(rules, 5);
  seen.unjudged[3] = true;
  seen.status = "insufficient";
  for (int i = 0; i < 4; ++i) CHECK(t.step(seen) == 'C');
  CHECK(last(t).reason == "held: insufficient");
  CHECK(t.feed({5}) == "o");

  auto calm = start(rules);
  CHECK(calm.step(seen) == 'o');
  CHECK(calm.step(seen) == 'o');
  CHECK(calm.step(seen) == 'u');
  seen.raw[2] = true;
  CHECK(calm.step(seen) == 'W');
}

TEST_CASE("an edited threshold judges at the next evaluation and the alert stays") {
  auto t = start(two_severities());
  t.feed({25});
  t.rules.rules[3] = above(30);
  CHECK(t.feed({35}) == "C");
  CHECK(t.alert.fired_at() == Instant{});
  CHECK(t.reasons() == "fired");
}

TEST_CASE("an edited lasting meets pending with the old since and leaves firing alone") {
  auto t = start(two_severities());
  CHECK(t.feed({15, 15}) == "PP");
  t.rules.rules[2] = lasting(above(10), minutes(5));
  CHECK(t.feed({15, 15, 15, 15}) == "PPPW");
  t.rules.rules[2] = lasting(above(10), hours(5));
  CHECK(t.feed({15}) == "W");
}

TEST_CASE("removing the carried severity lands on the highest remaining truth") {
  auto t = start(two_severities());
  t.feed({25});
  t.rules.rules[3].reset();
  CHECK(t.feed({25}) == "W");
  CHECK(last(t).reason == "edited: critical");
  auto u = start(two_severities());
  u.feed({25});
  u.rules.rules[3].reset();
  CHECK(u.feed({5}) == "o");
  CHECK(last(u).reason == "edited: critical");
  CHECK(last(u).is_resolve);
}

TEST_CASE("an ended label set resolves what fires and says nothing of what is ok") {
  auto t = start(two_severities());
  t.feed({25});
  t.alert.end(t.now, "monitor removed", t.rows);
  CHECK(last(t).reason == "monitor removed");
  CHECK(last(t).notify);
  CHECK(last(t).is_resolve);
  CHECK(t.alert.state() == AlertState::ok);
  auto calm = start(two_severities());
  calm.feed({5});
  const std::size_t before = calm.rows.size();
  calm.alert.end(calm.now, "forgotten", calm.rows);
  CHECK(calm.rows.size() == before);
  auto pending = start(two_severities());
  pending.feed({15});
  pending.alert.end(pending.now, "label sets changed", pending.rows);
  CHECK(last(pending).reason == "label sets changed");
  CHECK_FALSE(last(pending).notify);
}

TEST_CASE("an outage does not count for lasting") {
  auto t = start(two_severities());
  t.feed({15});
  t.now = t.now + minutes(30);
  t.alert.restarted(t.now, minutes(30), t.rows);
  CHECK(last(t).reason == "restarted, down 30m");
  CHECK(t.alert.state() == AlertState::pending);
  CHECK(t.feed({15, 15}) == "PW");
}

TEST_CASE("pending starts over after an outage of more than an hour") {
  auto t = start(two_severities());
  t.feed({15});
  t.now = t.now + minutes(61);
  t.alert.restarted(t.now, minutes(61), t.rows);
  CHECK(t.feed({15, 15, 15}) == "PPW");
}

TEST_CASE("firing is held over a restart until its first verdict, and keep_firing loses the down time") {
  auto rules = two_severities();
  rules.rules[3] = lasting(above(20), Duration{0}, minutes(2));
  auto t = start(rules);
  t.feed({25, 5});
  t.now = t.now + hours(5);
  t.alert.restarted(t.now, hours(5), t.rows);
  CHECK(t.alert.held() == "held: restarted");
  CHECK(t.feed({none}) == "C");
  CHECK(t.feed({5, 5}) == "Co");
  CHECK(t.reasons() == "fired, keep firing, restarted, down 5h, held: no data, data back, keep firing elapsed");
}

TEST_CASE("a when monitor may carry any severity its function answers") {
  MonitorSpec spec;
  spec.judge = 0;
  const auto rules = InstanceRules::of(spec, minutes(1));
  CHECK(rules.no_data_after == minutes(2));
  Observation seen;
  seen.raw = {false, true, true, false};
  AlertInstance alert;
  std::vector<Transition> rows;
  alert.observe(Instant{}, seen, rules, rows);
  CHECK(alert.severity() == Severity::warning);
}
