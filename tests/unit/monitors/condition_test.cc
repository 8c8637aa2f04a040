// Conditions: strictness, clears, three-valued joins against a brute-force truth table, and the words they print.
#include <catch2/catch.hpp>

#include "monitors/template.h"
#include "monitors/wire_labels.h"
#include "timeline.h"

using namespace tidewatch;
using namespace tidewatch::test;

namespace {

std::array<std::optional<SeverityRule>, 4> critical(Condition condition) {
  std::array<std::optional<SeverityRule>, 4> rules;
  rules[3] = SeverityRule{std::move(condition), {}, 0, 0, {}};
  return rules;
}

Observation judge(const Condition& condition, const Reading& own) {
  ConditionInputs inputs;
  inputs.own = &own;
  return judge_condition(critical(condition), inputs);
}

bool is_true(const Condition& condition, double v) { return judge(condition, reading_of(v)).raw[3]; }

Condition make(Condition::Kind kind, double low, double high) {
  Condition out;
  out.kind = kind;
  out.low = low;
  out.high = high;
  return out;
}

using Kind = Condition::Kind;

}  // namespace

TEST_CASE("comparisons are strict") {
  CHECK_FALSE(is_true(make(Kind::above, 0, 5), 5));
  CHECK(is_true(make(Kind::above, 0, 5), std::nextafter(5.0, 6.0)));
  CHECK_FALSE(is_true(make(Kind::below, 5, 0), 5));
  CHECK(is_true(make(Kind::below, 5, 0), std::nextafter(5.0, 4.0)));
  for (const double v : {1.0, 3.0, 5.0}) CHECK_FALSE(is_true(make(Kind::outside, 1, 5), v));
  for (const double v : {0.9, 5.1}) CHECK(is_true(make(Kind::outside, 1, 5), v));
  CHECK(is_true(make(Kind::equals, 4, 0), 4));
  CHECK_FALSE(is_true(make(Kind::equals, 4, 0), 4.5));
}

TEST_CASE("clear is passed strictly on the calm side") {
  Condition above_five = make(Kind::above, 0, 5);
  above_five.clear_high = 3;
  CHECK_FALSE(judge(above_five, reading_of(3)).released[3]);
  CHECK(judge(above_five, reading_of(2.9)).released[3]);
  CHECK(judge(above_five, reading_of(3)).has_clear[3]);
  Condition below_five = make(Kind::below, 5, 0);
  below_five.clear_low = 7;
  CHECK_FALSE(judge(below_five, reading_of(7)).released[3]);
  CHECK(judge(below_five, reading_of(7.1)).released[3]);
  Condition outside = make(Kind::outside, 1, 9);
  outside.clear_low = 3;
  outside.clear_high = 6;
  for (const double v : {3.0, 6.0, 0.0, 10.0, 2.0, 8.0}) CHECK_FALSE(judge(outside, reading_of(v)).released[3]);
  for (const double v : {3.1, 5.9}) CHECK(judge(outside, reading_of(v)).released[3]);
}

TEST_CASE("a reading that is not ok gives no verdict and says why") {
  Reading reading = reading_of(50);
  reading.status = Status::insufficient;
  const auto seen = judge(make(Kind::above, 0, 5), reading);
  CHECK(seen.kind == Observation::Kind::no_verdict);
  CHECK(seen.status == "insufficient");
  CHECK(judge(make(Kind::above, 0, 5), reading_of(std::nullopt)).kind == Observation::Kind::no_data);
  Reading text = reading_of(1);
  text.value.reset();
  text.text = "abc";
  CHECK(judge(make(Kind::above, 0, 5), text).kind == Observation::Kind::no_verdict);
}

TEST_CASE("changed and equals judge texts, and the first verdict is calm") {
  Reading text = reading_of(1);
  text.value.reset();
  text.text = "abc";
  ConditionInputs inputs;
  inputs.own = &text;
  const auto rules = critical(make(Kind::changed, 0, 0));
  CHECK_FALSE(judge_condition(rules, inputs).raw[3]);
  inputs.previous_text = "abc";
  CHECK_FALSE(judge_condition(rules, inputs).raw[3]);
  inputs.previous_text = "abd";
  CHECK(judge_condition(rules, inputs).raw[3]);
  Condition equals = make(Kind::equals, 0, 0);
  equals.text = "abc";
  CHECK(judge(equals, text).raw[3]);
  const Reading one = reading_of(1);
  inputs = {};
  inputs.own = &one;
  CHECK_FALSE(judge_condition(rules, inputs).raw[3]);
  inputs.previous_value = 2;
  CHECK(judge_condition(rules, inputs).raw[3]);
}

TEST_CASE("absent is a verdict without data, true when older than its span") {
  Condition absent;
  absent.kind = Kind::absent;
  absent.span = minutes(5);
  ConditionInputs inputs;
  inputs.last_data = Instant{};
  inputs.now = Instant{} + minutes(5);
  auto seen = judge_condition(critical(absent), inputs);
  CHECK(seen.kind == Observation::Kind::verdict);
  CHECK_FALSE(seen.raw[3]);
  inputs.now = inputs.now + seconds(1);
  CHECK(judge_condition(critical(absent), inputs).raw[3]);
}

TEST_CASE("any_of and all_of follow Kleene's tables for every pair and triple of truths") {
  // Truths as readings: 0 no, 1 yes, 2 without data.
  for (const Kind kind : {Kind::any_of, Kind::all_of}) {
    for (int size = 2; size <= 3; ++size) {
      for (int code = 0; code < (size == 2 ? 9 : 27); ++code) {
        std::vector<Reading> readings;
        Condition join;
        join.kind = kind;
        bool any_yes = false, any_no = false, any_none = false;
        for (int i = 0, rest = code; i < size; ++i, rest /= 3) {
          const int truth = rest % 3;
          any_no = any_no || truth == 0;
          any_yes = any_yes || truth == 1;
          any_none = any_none || truth == 2;
          readings.push_back(truth == 2 ? reading_of(std::nullopt) : reading_of(truth));
          Condition member = make(Kind::above, 0, 0.5);
          member.input = i;
          join.members.push_back(member);
        }
        ConditionInputs inputs;
        for (int i = 0; i < size; ++i) inputs.others.emplace_back(i, &readings[static_cast<std::size_t>(i)]);
        const auto seen = judge_condition(critical(join), inputs);
        const bool decided = kind == Kind::any_of ? any_yes || !any_none : any_no || !any_none;
        const bool truth = kind == Kind::any_of ? any_yes : !any_no;
        CHECK((seen.kind == Observation::Kind::verdict) == decided);
        if (decided) CHECK(seen.raw[3] == truth);
        if (!decided) CHECK(seen.kind == Observation::Kind::no_data);
      }
    }
  }
}

TEST_CASE("a clear inside a join holds the join") {
  Condition member = make(Kind::above, 0, 10);
  member.clear_high = 5;
  Condition join;
  join.kind = Kind::any_of;
  join.members = {member, make(Kind::below, -10, 0)};
  CHECK(judge(join, reading_of(7)).has_clear[3]);
  CHECK_FALSE(judge(join, reading_of(7)).raw[3]);
  CHECK_FALSE(judge(join, reading_of(7)).released[3]);
  CHECK(judge(join, reading_of(4)).released[3]);
}

TEST_CASE("one severity without a verdict leaves the others judged") {
  auto rules = critical(make(Kind::above, 0, 10));
  rules[3]->condition.input = 4;
  rules[2] = above(5);
  const Reading own = reading_of(7);
  ConditionInputs inputs;
  inputs.own = &own;
  const auto seen = judge_condition(rules, inputs);
  CHECK(seen.kind == Observation::Kind::verdict);
  CHECK(seen.raw[2]);
  CHECK(seen.unjudged[3]);
  CHECK_FALSE(seen.unjudged[2]);
  CHECK(seen.status == "no_data");
}

TEST_CASE("rules print as they are written in a pack") {
  SeverityRule rule = lasting(above(25, 20), minutes(2), minutes(5));
  CHECK(rule.describe() == "above(25, {clear = 20}):lasting \"2m\":keep_firing \"5m\"");
  CHECK(times(below(0.75), 3, 5).describe() == "below(0.75):times(3, {of = 5})");
  CHECK(times(below(0.75), 3).describe() == "below(0.75):times(3)");
  Condition outside = make(Kind::outside, 1, 9);
  CHECK(outside.describe() == "outside(1, 9)");
  outside.clear_low = 3;
  outside.clear_high = 6;
  CHECK(outside.describe() == "outside(1, 9, {clear = {3, 6}})");
  Condition absent;
  absent.kind = Kind::absent;
  absent.span = minutes(5);
  Condition equals;
  equals.kind = Kind::equals;
  equals.text = "a\"b";
  Condition join;
  join.kind = Kind::any_of;
  join.members = {absent, equals, make(Kind::changed, 0, 0)};
  CHECK(join.describe() == "any_of {absent \"5m\", equals(\"a\\\"b\"), changed()}");
}

TEST_CASE("wire labels hold the by labels, the monitor's and the engine's, less what is empty") {
  MonitorSpec spec;
  spec.name = "latency";
  spec.pack = "scoring";
  spec.team = "ml";
  spec.labels = {{"tier", "gold"}};
  const LabelSet by(std::vector<std::pair<std::string, std::string>>{{"endpoint", "/score"}});
  CHECK(wire_labels(spec, by, Severity::critical).text() ==
        R"({alertname="latency",endpoint="/score",pack="scoring",severity="critical",team="ml",tier="gold"})");
  CHECK(wire_labels(spec, by, Severity::none).get("severity").empty());

  MonitorSpec golden;
  golden.name = "high-latency";
  CHECK(wire_labels(golden, by, Severity::critical).fingerprint() == 0x9c558107583ae283ull);
  golden.name = "a";
  CHECK(wire_labels(golden, {}, Severity::none).fingerprint() == 0xd258efc389808447ull);
}

TEST_CASE("labels that would be said twice are refused at load") {
  MonitorSpec spec;
  spec.name = "latency";
  const std::vector<std::string> by{"endpoint"};
  spec.labels = {{"tier", "gold"}};
  CHECK(check_wire_labels(spec, by).ok());
  for (const std::string name : {"endpoint", "alertname", "alertstate", "__name__", "severity", "pack", ""}) {
    spec.labels = {{name, "x"}};
    CHECK_FALSE(check_wire_labels(spec, by).ok());
  }
  spec.labels.clear();
  CHECK_FALSE(check_wire_labels(spec, std::vector<std::string>{"severity"}).ok());
  CHECK(check_wire_labels(spec, std::vector<std::string>{"team"}).ok());
  spec.team = "ml";
  CHECK_FALSE(check_wire_labels(spec, std::vector<std::string>{"team"}).ok());
}

TEST_CASE("templates print their names, and a dash for what is missing") {
  MonitorSpec spec;
  spec.name = "latency";
  spec.rules[3] = above(25);
  const LabelSet by(std::vector<std::pair<std::string, std::string>>{{"endpoint", "/score"}});
  Reading reading = reading_of(31.5);
  reading.n = 1200;
  const std::string text = "{monitor} {severity}: {value} > {threshold} on {endpoint} since {since}, n {n} {{x}}";
  CHECK(render_template(text, {spec, by, reading, Severity::critical, Instant{}}) ==
        "latency critical: 31.5 > 25 on /score since 1970-01-01T00:00:00Z, n 1200 {x}");
  CHECK(render_template("{value} {endpoint} {severity} {since} {threshold} {n}",
                        {spec, {}, reading_of(std::nullopt), Severity::none, std::nullopt}) ==
        "\u2013 \u2013 \u2013 \u2013 \u2013 \u2013");
  CHECK(render_template("open {value", {spec, by, reading, Severity::critical, {}}) == "open {value");
}

TEST_CASE("an unknown template name is reported with the nearest one") {
  const std::vector<std::string> by{"endpoint"};
  CHECK(check_template("{value} at {endpoint} {{not a name}} }", by).ok());
  const auto wrong = check_template("{valu} {endpont}", by);
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.error().text ==
        "template \"{valu} {endpont}\": unknown {valu} (did you mean \"value\"?); unknown {endpont} (did you mean "
        "\"endpoint\"?)");
  CHECK_FALSE(check_template("{value", by).ok());
}
