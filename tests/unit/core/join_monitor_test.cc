// Monitors over a joined stream: no verdict comes from a window that waits for its labels, and somebody is told when
// the join cannot wait long enough.
#include <catch2/catch.hpp>
#include <random>

#include "core/core.h"
#include "metrics/join_stream.h"

using namespace tidewatch;

namespace {

Instant at(double s) { return {static_cast<std::int64_t>(s * 1e9)}; }

StreamSpec side(const std::string& name) {
  StreamSpec s;
  s.name = name;
  s.time = "ts";
  s.schema.columns = {{"ts", ColumnType::time, false}, {"id", ColumnType::string, true}};
  return s;
}

Batch rows_of(const StreamSpec& stream, const std::vector<std::pair<double, int>>& rows) {
  Batch b = empty_batch(stream);
  for (const auto& [t, id] : rows) {
    b.columns[0].integers.push_back(at(t).ns);
    b.columns[1].codes.push_back(b.columns[1].dictionary.add(std::to_string(id)));
    for (Column& c : b.columns) c.null.push_back(0);
  }
  b.rows = b.received = rows.size();
  return b;
}

PackSpec pack_with(std::uint64_t most_pending) {
  JoinSpec join;
  join.predictions = "predictions";
  join.labels = "labels";
  join.on = {"id"};
  join.within = seconds(300);
  join.coverage = 0.7;
  join.most_pending = most_pending;
  PackSpec pack;
  pack.name = "late";
  pack.streams = {side("predictions"), side("labels")};
  pack.streams.push_back(*joined_stream(join, pack.streams[0], pack.streams[1]));
  HandleSpec count;
  count.metric.metric = "count";
  count.metric.stream = pack.streams[2].name;
  count.metric.window = *parse_window("60s");
  count.metric.step = seconds(10);
  pack.handles = {count};
  MonitorSpec m;
  m.id = "late/pairs";
  m.pack = "late";
  m.name = "pairs";
  m.value = 0;
  m.every = seconds(5);
  Condition any;
  any.high = -1;  // whatever is counted fires
  m.rules[3] = SeverityRule{any, Duration{0}, 0, 0, Duration{0}};
  pack.monitors = {m};
  return pack;
}

struct Watcher : EvaluationObserver {
  std::map<Status, int> seen;
  int fired_without_verdict = 0;
  bool was_firing = false;
  void evaluated(const MonitorSpec&, const LabelSet&, Instant, const Observation& observed,
                 const AlertInstance& instance, std::uint32_t&) override {
    const Reading& reading = *observed.reading;
    ++seen[reading.status];
    const bool is_firing = instance.state() == AlertState::firing;
    if (is_firing && !was_firing && reading.status != Status::ok) ++fired_without_verdict;
    was_firing = is_firing;
  }
};

std::unique_ptr<Core> core_of(std::uint64_t most_pending) {
  auto made = Core::create(pack_with(most_pending), nullptr, nullptr);
  REQUIRE(made);
  return std::move(*made);
}

}  // namespace

TEST_CASE("nothing fires on an immature window") {
  std::mt19937_64 rng(8);
  for (int round = 0; round < 20; ++round) {
    INFO("round " << round << " of seed 8");
    const auto core = core_of(1'000'000);
    Watcher watcher;
    core->observe(&watcher);
    CoreOutput out;
    const PackSpec& pack = core->pack();
    const double label_delay = static_cast<double>(20 + rng() % 400);
    std::vector<std::pair<double, int>> due;
    int id = 0;
    for (double t = 0; t < 600; t += 5) {
      core->feed("predictions", "p", rows_of(pack.streams[0], {{t, id}}), at(t), out);
      if (rng() % 10) due.emplace_back(t + label_delay * (0.5 + static_cast<double>(rng() % 100) / 100), id);
      ++id;
      for (auto& [when, which] : due) {
        if (when > t || which < 0) continue;
        core->feed("labels", "l", rows_of(pack.streams[1], {{when, which}}), at(t), out);
        which = -1;
      }
      core->tick(at(t), out);
    }
    CHECK(watcher.fired_without_verdict == 0);
    CHECK(watcher.seen[Status::immature] > 0);
    if (label_delay < 150) CHECK(watcher.seen[Status::ok] > 0);
  }
}

TEST_CASE("a join that is full is told once, and told again when predictions can wait") {
  const auto core = core_of(10);
  CoreOutput out;
  const PackSpec& pack = core->pack();
  const auto told = [&](const std::string& to) {
    return std::count_if(out.journal.begin(), out.journal.end(),
                         [&](const JournalRow& row) { return row.kind == "evicted" && row.to == to; });
  };
  int id = 0;
  for (double t = 0; t < 100; t += 5) {
    core->feed("predictions", "p", rows_of(pack.streams[0], {{t, id}}), at(t), out);
    core->feed("labels", "l", rows_of(pack.streams[1], {{t, id++}}), at(t), out);
    core->tick(at(t), out);
  }
  CHECK(told("firing") == 1);
  CHECK(told("ok") == 0);
  REQUIRE(core->metrics().joins().size() == 1);
  CHECK(core->metrics().joins()[0].counters.evicted == 10);
  // Rarer predictions fit: once those let go would have had their time anyway, that is said.
  for (double t = 200; t < 1500; t += 100) {
    core->feed("predictions", "p", rows_of(pack.streams[0], {{t, id}}), at(t), out);
    core->feed("labels", "l", rows_of(pack.streams[1], {{t, id++}}), at(t), out);
    core->tick(at(t), out);
  }
  CHECK(told("firing") == 1);
  CHECK(told("ok") == 1);
}
