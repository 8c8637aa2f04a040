// Published tables of other alerting systems, ported: Kapacitor's hysteresis, Prometheus's `for` and keep_firing_for,
// vmalert's, Icinga's flapping. Each case names where its numbers come from.
#include <catch2/catch.hpp>

#include "monitors/flapping.h"
#include "timeline.h"

using namespace tidewatch;
using namespace tidewatch::test;

namespace {

InstanceRules kapacitor(double info, double info_clear, double warning, double warning_clear, double critical,
                        double critical_clear) {
  InstanceRules rules;
  rules.rules[1] = above(info, info_clear);
  rules.rules[2] = above(warning, warning_clear);
  rules.rules[3] = above(critical, critical_clear);
  rules.every = minutes(1);
  rules.flapping = false;
  return rules;
}

constexpr auto none = std::nullopt;

}  // namespace

TEST_CASE("hysteresis follows the example in Kapacitor's pipeline/alert.go") {
  Timeline t{kapacitor(60, 50, 70, 60, 80, 70), {}, {}, {}};
  CHECK(t.feed({61, 73, 64, 85, 62, 56, 47}) == "IWWCIIo");
  CHECK(t.reasons() == "fired, severity raised, severity raised, severity lowered, condition cleared");
}

TEST_CASE("hysteresis follows Kapacitor's Alert_WithReset_0") {
  Timeline t{kapacitor(40, 10, 60, 20, 80, 30), {}, {}, {}};
  CHECK(t.feed({45, 40, 30, 9, 45, 61, 30, 19, 45, 61, 81, 29}) == "IIIoIWWoIWCo");
}

TEST_CASE("hysteresis follows Kapacitor's Alert_WithReset_1") {
  Timeline t{kapacitor(40, 30, 60, 50, 80, 70), {}, {}, {}};
  CHECK(t.feed({45, 40, 30, 29, 45, 61, 49, 29, 45, 61, 81, 69, 50, 41, 25}) == "IIIoIWIoIWCWWIo");
}

TEST_CASE("keep_firing follows Prometheus TestKeepFiringFor") {
  Timeline t{like_prometheus(lasting(above(50), minutes(1), minutes(1)), minutes(1)), {}, {}, {}};
  CHECK(t.feed({75, 85, 70, 70, 10, 10}) == "PCCCCo");
  CHECK(t.reasons() == "condition true, lasting elapsed, keep firing, keep firing elapsed");
}

TEST_CASE("a pending alert is not kept: Prometheus TestPendingAndKeepFiringFor") {
  Timeline t{like_prometheus(lasting(above(50), minutes(1), minutes(1)), minutes(1)), {}, {}, {}};
  CHECK(t.feed({75, 10}) == "Po");
  CHECK(t.reasons() == "condition true, condition false");
}

TEST_CASE("lasting shorter than the interval fires at the next evaluation: Prometheus TestAlertingRule") {
  const auto rules = like_prometheus(lasting(below(100), minutes(1)), minutes(5));
  Timeline a{rules, {}, {}, {}}, b{rules, {}, {}, {}};
  CHECK(a.feed({75, 85, 95, 105, 105, 95, 85}) == "PCCooPC");
  CHECK(b.feed({80, 90, 100, 110, 120, 130, 140}) == "PCooooo");
}

TEST_CASE("absent values are calm for a Prometheus rule: vmalert TestAlertingRule_Exec") {
  Timeline t{like_prometheus(lasting(above(0), minutes(1), minutes(2)), minutes(1)), {}, {}, {}};
  CHECK(t.feed({1, 1, none, none, none, 1, 1}) == "PCCCoPC");
}

TEST_CASE("times three of five holds on by its count and starts empty after the end") {
  Timeline t{like_prometheus(times(above(0.5), 3, 5), minutes(1)), {}, {}, {}};
  CHECK(t.feed({1, 0, 1, 0, 1, 1, 0, 0, 0, 1}) == "PPPPCCCooP");
}

TEST_CASE("keep_firing of three minutes ends at the fourth false evaluation") {
  Timeline t{like_prometheus(lasting(above(0.5), Duration{0}, minutes(3)), minutes(1)), {}, {}, {}};
  //          0  1  2  3  4  5  6  7  8
  CHECK(t.feed({0, 0, 0, 1, 1, 0, 0, 0, 0}) == "oooCCCCCo");
}

TEST_CASE("firing and ending happen at the evaluations of the exact counts table") {
  for (const std::int64_t every : {1, 15, 60}) {
    for (std::int64_t length = 0; length <= 5 * every; length += (every == 1 ? 1 : every / 3)) {
      Timeline t{like_prometheus(lasting(above(0), seconds(length), seconds(length)), seconds(every)), {}, {}, {}};
      const auto expected = static_cast<std::size_t>((length + every - 1) / every + 1);
      const std::string rise = t.feed(std::vector<std::optional<double>>(12, 1.0));
      CHECK(rise == std::string(expected - 1, 'P') + std::string(12 - expected + 1, 'C'));
      const std::string fall = t.feed(std::vector<std::optional<double>>(12, 0.0));
      CHECK(fall == std::string(expected - 1, 'C') + std::string(12 - expected + 1, 'o'));
    }
  }
  for (std::uint32_t n = 1; n <= 6; ++n) {
    Timeline by_count{like_prometheus(times(above(0), n), minutes(1)), {}, {}, {}};
    Timeline by_time{like_prometheus(lasting(above(0), minutes(n - 1)), minutes(1)), {}, {}, {}};
    const std::vector<std::optional<double>> values{1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0};
    CHECK(by_count.feed(values) == by_time.feed(values));
  }
}

TEST_CASE("true again while keeping clears the keep clock") {
  Timeline t{like_prometheus(lasting(above(0), Duration{0}, minutes(2)), minutes(1)), {}, {}, {}};
  CHECK(t.feed({1, 0, 1, 0, 0, 0}) == "CCCCCo");
  CHECK(t.reasons() == "fired, keep firing, condition true again, keep firing, keep firing elapsed");
}

TEST_CASE("the flapping value follows Icinga's documented results") {
  const std::string results = "CCCWCWOOOOWWWWOOOWWWC";
  Flapping flapping;
  Instant now{};
  char previous = 'O';
  for (const char result : results) {
    flapping.update(now, minutes(1), result != previous);
    previous = result;
    now = now + minutes(1);
  }
  CHECK(flapping.value() == Approx(39.1).epsilon(1e-12));
  CHECK(flapping.is_on());
  for (const double expected : {38.3, 37.5, 32.8, 28.2}) {
    CHECK(flapping.update(now, minutes(1), false) == Flapping::Change::none);
    CHECK(flapping.value() == Approx(expected).epsilon(1e-12));
    now = now + minutes(1);
  }
  CHECK(flapping.update(now, minutes(1), false) == Flapping::Change::ended);
  CHECK(flapping.value() == Approx(23.7).epsilon(1e-12));
}

TEST_CASE("an alert that alternates every slot flaps at the seventh evaluation") {
  auto rules = like_prometheus(SeverityRule{}, minutes(1));
  rules.rules[3].reset();
  rules.rules[2] = above(0);
  rules.flapping = true;
  Timeline t{rules, {}, {}, {}};
  for (int i = 0; i < 7; ++i) {
    CHECK_FALSE(t.alert.is_flapping());
    t.feed({i % 2 ? 1.0 : 0.0});
  }
  CHECK(t.alert.is_flapping());
  CHECK(t.rows.back().reason == "flapping started");
  std::vector<bool> told;
  for (const auto& row : t.rows) {
    if (row.from != row.to) told.push_back(row.notify);
  }
  CHECK(told == std::vector<bool>{true, true, true, true, true, false});

  Flapping flapping;
  const std::vector<double> expected{0, 5.9, 11.7, 17.4, 23.0, 28.5, 33.9};
  for (int i = 0; i < 7; ++i) {
    flapping.update(Instant{} + minutes(i), minutes(1), i > 0);
    CHECK(flapping.value() == Approx(expected[static_cast<std::size_t>(i)]).epsilon(1e-12));
  }
}

TEST_CASE("the Icinga results through an alert start flapping and a calm hour ends it with one notice") {
  InstanceRules rules;
  rules.rules[2] = above(1);
  rules.rules[3] = above(2);
  rules.every = minutes(1);
  Timeline t{rules, {}, {}, {}};
  for (const char result : std::string("CCCWCWOOOOWWWWOOOWWWC")) {
    t.feed({result == 'C' ? 3.0 : result == 'W' ? 2.0 : 1.0});
  }
  CHECK(t.alert.is_flapping());
  const std::size_t before = t.rows.size();
  t.feed(std::vector<std::optional<double>>(60, 3.0));
  REQUIRE(t.rows.size() == before + 1);
  CHECK(t.rows.back().reason == "flapping ended");
  CHECK(t.rows.back().to == AlertState::firing);
  CHECK(t.rows.back().notify);
}

TEST_CASE("while it flaps only a new peak severity is told") {
  InstanceRules rules;
  rules.rules[2] = above(1);
  rules.rules[3] = above(2);
  rules.every = minutes(1);
  Timeline t{rules, {}, {}, {}};
  for (int i = 0; i < 12; ++i) t.feed({i % 2 ? 2.0 : 0.0});
  REQUIRE(t.alert.is_flapping());
  const std::size_t before = t.rows.size();
  t.feed({0, 2, 0, 3, 0, 3, 0, 2, 3});
  std::vector<std::string> told;
  for (std::size_t i = before; i < t.rows.size(); ++i) {
    if (t.rows[i].notify) told.push_back(t.rows[i].reason + " " + std::string(name_of(t.rows[i].severity_to)));
  }
  CHECK(told == std::vector<std::string>{"fired critical"});
}

TEST_CASE("flapping switched off says nothing and ends what goes on") {
  auto rules = like_prometheus(above(0), minutes(1));
  rules.flapping = true;
  Timeline t{rules, {}, {}, {}};
  for (int i = 0; i < 12; ++i) t.feed({i % 2 ? 1.0 : 0.0});
  REQUIRE(t.alert.is_flapping());
  t.rules.flapping = false;
  t.feed({1.0});
  CHECK(t.rows.back().reason == "flapping ended");
  CHECK_FALSE(t.alert.is_flapping());
}
