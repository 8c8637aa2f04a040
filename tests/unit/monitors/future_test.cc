// Random lives. A monitor that sleeps must wake with the answer of one that never slept; one written and read back at
// every step must have the future of one that was not; a plain one must agree with a slow, obvious twin.
#include <catch2/catch.hpp>
#include <random>

#include "timeline.h"

using namespace tidewatch;
using namespace tidewatch::test;

namespace {

using Random = std::mt19937;

int pick(Random& random, int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); }

InstanceRules random_rules(Random& random) {
  InstanceRules rules;
  rules.every = minutes(1);
  for (std::size_t s = 1; s <= 3; ++s) {
    if (pick(random, 4) == 0) continue;
    const double threshold = static_cast<double>(s) * 2 + pick(random, 2);
    SeverityRule rule =
        above(threshold, pick(random, 2) ? std::optional<double>(threshold - pick(random, 3)) : std::nullopt);
    if (pick(random, 2)) rule.lasting = seconds(30 * pick(random, 12));
    if (pick(random, 3) == 0) {
      rule.times = static_cast<std::uint32_t>(1 + pick(random, 4));
      rule.times_of = pick(random, 2) ? rule.times + static_cast<std::uint32_t>(pick(random, 4)) : 0;
    }
    if (pick(random, 2)) rule.keep_firing = seconds(30 * pick(random, 12));
    rules.rules[s] = rule;
  }
  rules.no_data_after = seconds(30 * pick(random, 9));
  rules.on_no_data = static_cast<NoDataPolicy>(pick(random, 4));
  rules.flapping = pick(random, 2) == 0;
  return rules;
}

Observation random_observation(Random& random, const InstanceRules& rules) {
  const int dice = pick(random, 12);
  if (dice == 0) return seen_value(rules, std::nullopt);
  if (dice == 1) return seen_status(Observation::Kind::no_verdict, pick(random, 2) ? "insufficient" : "undefined");
  if (dice == 2) return seen_status(Observation::Kind::error);
  Observation seen = seen_value(rules, pick(random, 9));
  if (dice == 3) {
    for (std::size_t s = 1; s <= 3; ++s) {
      if (rules.rules[s] && pick(random, 2)) {
        seen.unjudged[s] = true;
        seen.raw[s] = seen.released[s] = false;
        seen.status = pick(random, 2) ? "no_data" : "insufficient";
      }
    }
  }
  if (dice == 4) seen.saw_new_rows = false;
  return seen;
}

std::string text_of(const std::vector<Transition>& rows) {
  std::string out;
  for (const auto& row : rows) {
    out += std::to_string(row.at.ns / 1'000'000'000) + " " + std::string(name_of(row.from)) + "/" +
           std::string(name_of(row.severity_from)) + " -> " + std::string(name_of(row.to)) + "/" +
           std::string(name_of(row.severity_to)) + " " + row.reason + (row.notify ? " told" : "") + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("sleeping while settled and before the deadline changes no transition") {
  const unsigned seed = 20260302;
  Random random(seed);
  std::size_t evaluations = 0, slept = 0;
  for (int life = 0; life < 4000; ++life) {
    INFO("seed " << seed << " life " << life);
    const InstanceRules rules = random_rules(random);
    AlertInstance awake, sleeper;
    std::vector<Transition> awake_rows, sleeper_rows;
    Instant now{};
    for (int run = 0; run < 12; ++run) {
      const Observation seen = random_observation(random, rules);
      const int length = 1 + pick(random, pick(random, 4) == 0 ? 60 : 8);
      for (int i = 0; i < length; ++i) {
        awake.observe(now, seen, rules, awake_rows);
        ++evaluations;
        const bool may_sleep =
            i > 0 && sleeper.is_settled(rules) && now < sleeper.next_deadline(now - rules.every, rules);
        if (may_sleep) {
          ++slept;
        } else {
          sleeper.observe(now, seen, rules, sleeper_rows);
        }
        now = now + rules.every;
      }
    }
    const std::string expected = text_of(awake_rows), got = text_of(sleeper_rows);
    if (expected != got) {
      CHECK(got == expected);
      break;
    }
  }
  // Conservative, but not to the point of never sleeping.
  CHECK(slept * 10 > evaluations * 6);
}

TEST_CASE("the short way of a calm evaluation leaves the same bytes and transitions as the rules in full") {
  const unsigned seed = 31337;
  Random random(seed);
  std::size_t calm = 0;
  for (int life = 0; life < 3000; ++life) {
    INFO("seed " << seed << " life " << life);
    InstanceRules rules = random_rules(random);
    AlertInstance quick, full;
    std::vector<Transition> quick_rows, full_rows;
    Instant now{};
    for (int run = 0; run < 14; ++run) {
      // Mostly calm stretches with a disturbance now and then; some long enough to empty the flapping slots.
      const bool is_calm = pick(random, 3) != 0;
      const Observation seen = is_calm ? seen_value(rules, 0) : random_observation(random, rules);
      const int length = 1 + pick(random, pick(random, 5) == 0 ? 40 : 6);
      for (int i = 0; i < length; ++i) {
        quick.observe(now, seen, rules, quick_rows);
        full.observe_in_full(now, seen, rules, full_rows);
        calm += is_calm && i > 0;
        REQUIRE(bytes_of(quick) == bytes_of(full));
        now = now + rules.every * (1 + pick(random, 3));
      }
      if (pick(random, 10) == 0) {
        const Duration down = minutes(pick(random, 90));
        now = now + down;
        quick.restarted(now, down, quick_rows);
        full.restarted(now, down, full_rows);
      }
      if (pick(random, 20) == 0) {
        quick.end(now, "gone", quick_rows);
        full.end(now, "gone", full_rows);
      }
      if (pick(random, 15) == 0) rules = random_rules(random);  // an edit
    }
    REQUIRE(text_of(quick_rows) == text_of(full_rows));
  }
  CHECK(calm > 100'000);
}

TEST_CASE("an alert written and read back at every step has the same future") {
  const unsigned seed = 77;
  Random random(seed);
  for (int life = 0; life < 500; ++life) {
    INFO("seed " << seed << " life " << life);
    const InstanceRules rules = random_rules(random);
    AlertInstance straight, carried;
    std::vector<Transition> straight_rows, carried_rows;
    Instant now{};
    for (int i = 0; i < 80; ++i) {
      const Observation seen = random_observation(random, rules);
      straight.observe(now, seen, rules, straight_rows);
      carried.observe(now, seen, rules, carried_rows);
      now = now + rules.every;
      if (pick(random, 25) == 0) {
        const Duration down = minutes(pick(random, 90));
        now = now + down;
        straight.restarted(now, down, straight_rows);
        carried.restarted(now, down, carried_rows);
      }
      const std::string bytes = bytes_of(carried);
      AlertInstance fresh;
      ByteReader in(bytes);
      REQUIRE(fresh.read(in).ok());
      REQUIRE(in.at_end());
      REQUIRE(bytes_of(fresh) == bytes);
      carried = fresh;
    }
    REQUIRE(text_of(carried_rows) == text_of(straight_rows));
  }
}

TEST_CASE("damaged alert bytes are refused or read, never worse, and leave the alert as it was") {
  Timeline t{like_prometheus(times(above(0.5), 3, 5), minutes(1)), {}, {}, {}};
  t.feed({1, 0, 1, 1, 0});
  const std::string bytes = bytes_of(t.alert);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    AlertInstance fresh;
    const std::string before = bytes_of(fresh);
    ByteReader in(std::string_view(bytes).substr(0, cut));
    CHECK_FALSE(fresh.read(in).ok());
    CHECK(bytes_of(fresh) == before);
  }
  Random random(5);
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    AlertInstance fresh;
    ByteReader in(damaged);
    if (!fresh.read(in)) continue;
    std::vector<Transition> rows;
    (void)fresh.next_deadline(t.now, t.rules);
    fresh.observe(t.now, seen_value(t.rules, 1), t.rules, rows);
  }
}

TEST_CASE("one severity over gapless values agrees with a twin that counts evaluations") {
  const unsigned seed = 4711;
  Random random(seed);
  for (int life = 0; life < 2000; ++life) {
    const int rise = pick(random, 6), keep = pick(random, 6);
    INFO("seed " << seed << " life " << life << " lasting " << rise << " keep " << keep);
    Timeline t{like_prometheus(lasting(above(0.5), minutes(rise), minutes(keep)), minutes(1)), {}, {}, {}};
    int trues = 0, falses = 0;
    char state = 'o';
    std::string expected, got;
    for (int i = 0; i < 60; ++i) {
      const bool raw = pick(random, 3) != 0;
      got += t.feed({raw ? 1.0 : 0.0});
      trues = raw ? trues + 1 : 0;
      falses = raw ? 0 : falses + 1;
      if (raw && state != 'C') state = trues > rise ? 'C' : 'P';
      if (!raw && state == 'P') state = 'o';
      if (!raw && state == 'C' && falses > keep) state = 'o';
      expected += state;
    }
    REQUIRE(got == expected);
  }
}
