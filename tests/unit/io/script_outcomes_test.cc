// What a clock decided live is what recovery remembers: two cores, one fed by a judge that trips and is put off at
// random, one by its record alone, end with the same bytes.
#include "io/script_outcomes.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "core/core.h"

using namespace tidewatch;

namespace {

using Inputs = std::span<const std::pair<std::string_view, const Reading*>>;

// Trips at random while live; while replaying it never does, and says when it was asked what it must not be.
struct Moody : Judge, RowPredicate {
  std::mt19937* random = nullptr;
  bool is_replaying = false;
  int calls = 0;
  Judgement judge(int function, const LabelSet&, Inputs, Instant now) override {
    ++calls;
    Judgement out;
    out.used = milliseconds(30);
    if (!is_replaying && (*random)() % 3 == 0) {
      out.kind = Judgement::Kind::error;
      out.failure = Judgement::Failure::budget;
      out.message = "stopped";
    } else if ((now.ns / 1'000'000'000 + function) % 7 == 0) {
      out.kind = Judgement::Kind::fires;
      out.severity = Severity::warning;
      out.message = "now";
    }
    return out;
  }
  void set_replaying(bool replaying) override { is_replaying = replaying; }
  bool test(int, const Batch&, std::vector<std::uint8_t>&, std::string&) override { return true; }
};

PackSpec pack_with(int monitors) {
  PackSpec pack;
  pack.name = "small";
  pack.hash = "1";
  for (int i = 0; i < monitors; ++i) {
    MonitorSpec m;
    m.name = "m" + std::to_string(i);
    m.id = "small/" + m.name;
    m.pack = "small";
    m.judge = i;
    m.every = seconds(1);
    pack.monitors.push_back(m);
  }
  return pack;
}

std::string bytes_of(const Core& core) {
  ByteWriter out;
  core.save(out);
  return out.take();
}

}  // namespace

TEST_CASE("recovery repeats what the clock decided, call for call") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u, 5u);
  CAPTURE(seed);
  std::mt19937 random(seed);
  Moody live_judge, again_judge;
  live_judge.random = again_judge.random = &random;
  ScriptShare share, other_share;
  ScriptOutcomes live(&live_judge, &live_judge, share), again(&again_judge, &again_judge, other_share);
  auto live_core = std::move(*Core::create(pack_with(12), &live, &live));
  auto again_core = std::move(*Core::create(pack_with(12), &again, &again));
  const Instant start = *parse_instant("2026-03-02T10:00:00Z");
  std::size_t records = 0;
  for (int i = 0; i < 400; ++i) {
    CoreOutput out;
    live.begin_live(i * 1'000'000'000LL);
    live_core->tick(start + seconds(i), out);
    const std::string record = live.take_record();
    records += !record.empty();
    again.begin_replay(record);
    again_core->tick(start + seconds(i), out);
    REQUIRE(bytes_of(*live_core) == bytes_of(*again_core));
  }
  CHECK(records > 10);
  CHECK(live.deferred() > 0);
  CHECK(live_core->counters().missed > 0);
  CHECK(again_judge.is_replaying);
  again.end_replay();
  CHECK_FALSE(again_judge.is_replaying);
}

TEST_CASE("a record of another version, or damaged, decides nothing") {
  Moody judge;
  ScriptShare share;
  ScriptOutcomes outcomes(&judge, &judge, share);
  std::mt19937 random(7);
  judge.random = &random;
  for (const std::string& record : {std::string("\x02"), std::string("\x01\xff\xff\xff\xff\xff\xff\xff\xff", 9)}) {
    outcomes.begin_replay(record);
    CHECK(outcomes.judge(0, LabelSet(), {}, Instant{}).kind != Judgement::Kind::missed);
  }
}

TEST_CASE("a pack below its even part of the quarter is called though others have used the rest") {
  Moody greedy_judge, modest_judge;
  greedy_judge.is_replaying = modest_judge.is_replaying = true;  // no trips
  ScriptShare share;
  share.set_packs(2);
  ScriptOutcomes greedy(&greedy_judge, &greedy_judge, share), modest(&modest_judge, &modest_judge, share);
  greedy.begin_live(0);
  modest.begin_live(0);
  int called = 0;
  for (int i = 0; i < 1000; ++i) called += greedy.judge(0, LabelSet(), {}, Instant{}).kind != Judgement::Kind::missed;
  CHECK(called >= 8);   // 250 ms by calls of 30
  CHECK(called <= 20);  // its own part besides
  CHECK(greedy.deferred() == static_cast<std::uint64_t>(1000 - called));
  CHECK(modest.judge(0, LabelSet(), {}, Instant{}).kind != Judgement::Kind::missed);
}
