// A rule with false_alarms, from rows to the journal: the threshold in force moves with the rows and the label sets, is
// shown wherever the value is, and is the same after a restart anywhere.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>
#include <random>

#include "core/core.h"
#include "metrics/chance.h"
#include "monitors/template.h"
#include "records/decode.h"

using namespace tidewatch;

namespace {

constexpr std::int64_t start = 1'772'409'600;  // 2026-03-02T00:00:00Z

Batch rows_of(const std::vector<std::pair<double, double>>& rows) {  // seconds after the start, value
  Batch b;
  b.columns.resize(3);
  b.columns[0].type = ColumnType::time;
  b.columns[1].type = ColumnType::number;
  b.columns[2].type = ColumnType::category;
  for (const auto& [at, value] : rows) {
    b.columns[0].integers.push_back((start * 1'000'000'000) + static_cast<std::int64_t>(at * 1e9));
    b.columns[1].numbers.push_back(value);
    b.columns[2].codes.push_back(b.columns[2].dictionary.add(value < 0 ? "low" : "high"));
    for (Column& column : b.columns) column.null.push_back(0);
  }
  b.rows = b.received = rows.size();
  return b;
}

PackSpec drift_pack(double asked, const std::string& rate, std::vector<std::string> by = {}) {
  PackSpec pack;
  pack.name = "p";
  StreamSpec stream;
  stream.name = "s";
  stream.time = "ts";
  stream.schema.columns = {
      {"ts", ColumnType::time, false}, {"x", ColumnType::number, true}, {"sign", ColumnType::category, true}};
  pack.streams = {stream};
  BaselineSpec train;
  train.name = "train";
  train.stream = "s";
  train.file = "train.csv";
  pack.baselines = {train};
  HandleSpec psi;
  psi.metric.metric = "psi";
  psi.metric.stream = "s";
  psi.metric.columns = {"x"};
  psi.metric.window = *parse_window("1h");
  psi.metric.step = minutes(10);
  psi.metric.against = "train";
  psi.metric.min_n = 10;
  psi.metric.by = std::move(by);
  pack.handles = {psi};
  MonitorSpec drift;
  drift.id = "p/drift";
  drift.pack = "p";
  drift.name = "drift";
  drift.value = 0;
  drift.every = minutes(10);
  Condition above;
  above.high = asked;
  if (!rate.empty()) {
    above.false_alarms = *parse_false_alarms(rate);
    REQUIRE(calibrate(pack.handles, 0, false));
  }
  drift.rules[3] = SeverityRule{above, Duration{0}, 0, 0, Duration{0}};
  drift.annotations = {{"summary", "{value} over {threshold}"}};
  pack.monitors = {drift};
  pack.notifiers = {{"screen", "console", "", "", Severity::info}};
  return pack;
}

std::unique_ptr<Core> core_of(const PackSpec& pack) {
  auto core = std::move(*Core::create(pack, nullptr, nullptr, nullptr));
  std::mt19937 random(3);
  std::vector<std::pair<double, double>> train;
  for (int i = 0; i < 5000; ++i) train.emplace_back(i, std::normal_distribution<>()(random));
  core->baseline_rows("train", rows_of(train));
  core->baseline_seal("train");
  return core;
}

// `n` rows an hour from a shifted distribution, a tick every ten minutes, for `hours`.
CoreOutput run(std::unique_ptr<Core>& core, int n, double shift, int hours, unsigned seed,
               const PackSpec* restart = nullptr, int restart_at = -1) {
  CoreOutput out;
  std::mt19937 random(seed);
  for (int ten = 0; ten < hours * 6; ++ten) {
    std::vector<std::pair<double, double>> rows;
    const int count = n / 6 + (ten % 6 < n % 6 ? 1 : 0);
    for (int i = 0; i < count; ++i)
      rows.emplace_back(ten * 600.0 + i * 600.0 / (count + 1), std::normal_distribution<>(shift, 1)(random));
    rows.emplace_back(ten * 600.0 + 599.9, std::normal_distribution<>(shift, 1)(random));
    const Instant now{(start + (ten + 1) * 600) * 1'000'000'000};
    (void)core->feed("s", "t", rows_of(rows), now, out);
    core->tick(now, out);
    if (ten != restart_at) continue;
    ByteWriter bytes;
    core->save(bytes);
    core = std::move(*Core::create(*restart, nullptr, nullptr, nullptr));
    ByteReader in(bytes.bytes());
    REQUIRE(core->restore(in));
  }
  return out;
}

const Reading& reading_of(const Core& core, const LabelSet& labels = {}) {
  const AlertInstance* const instance = core.instance("p/drift", labels);
  REQUIRE(instance);
  return instance->last_reading();
}

}  // namespace

TEST_CASE("with few rows a bare PSI rule fires on nothing, and one with false_alarms does not") {
  auto bare = core_of(drift_pack(.1, "")), judged = core_of(drift_pack(.1, "1 per month"));
  const CoreOutput loud = run(bare, 40, 0, 48, 7), quiet = run(judged, 40, 0, 48, 7);
  const auto fired = [](const CoreOutput& out) {
    return std::count_if(out.journal.begin(), out.journal.end(), [](const auto& row) { return row.to == "firing"; });
  };
  CHECK(fired(loud) > 0);
  CHECK(fired(quiet) == 0);
  const Reading& reading = reading_of(*judged);
  REQUIRE(reading.thresholds.size() == 1);
  const ThresholdInForce& t = reading.thresholds[0];
  CHECK(t.asked == .1);
  CHECK(t.in_force > *reading.value);
  CHECK(t.alpha == Approx(1.0 / 720 / 6));  // an hour of a month, six reads a window
  CHECK(t.note.find(std::to_string(reading.n) + " rows cannot carry a threshold of 0.1") == 0);
  CHECK(t.is_inflation_measured);
  CHECK(reading_of(*bare).thresholds.empty());
  CHECK_FALSE(reading_of(*bare).chance);
}

TEST_CASE("a real drift still fires, and the journal, the message and the template say what was in force") {
  auto core = core_of(drift_pack(.1, "1 per month"));
  const CoreOutput out = run(core, 600, .8, 4, 7);
  const auto fired =
      std::find_if(out.journal.begin(), out.journal.end(), [](const auto& row) { return row.to == "firing"; });
  REQUIRE(fired != out.journal.end());
  const auto evidence = nlohmann::json::parse(fired->evidence);
  CHECK(evidence["threshold"]["asked"] == .1);
  CHECK(evidence["threshold"]["false_alarms"] == "1 per month");
  const double in_force = evidence["threshold"]["in_force"];
  CHECK(evidence["value"].get<double>() > in_force);
  CHECK(in_force >= .1);
  CHECK(evidence["rule"] == "above(0.1, {false_alarms = \"1 per month\"})");
  REQUIRE_FALSE(out.notifications.empty());
  REQUIRE(out.notifications[0].reading.thresholds.size() == 1);
  CHECK(out.notifications[0].reading.thresholds[0].in_force == in_force);
  char shown[32];
  std::snprintf(shown, sizeof shown, " over %.4g", in_force);
  if (in_force > .1) CHECK(out.notifications[0].annotations[0].second.find(shown) != std::string::npos);
}

TEST_CASE("label sets share the false alarms a monitor may give") {
  auto one = core_of(drift_pack(.01, "1 per month")), two = core_of(drift_pack(.01, "1 per month", {"sign"}));
  (void)run(one, 100, 0, 3, 1);
  (void)run(two, 100, 0, 3, 1);
  const LabelSet low(std::vector<std::pair<std::string, std::string>>{{"sign", "low"}});
  REQUIRE(reading_of(*two, low).thresholds.size() == 1);
  CHECK(reading_of(*two, low).thresholds[0].alpha == reading_of(*one).thresholds[0].alpha / 2);
}

TEST_CASE("thresholds in force are the same after a restart anywhere") {
  const PackSpec pack = drift_pack(.1, "1 per month");
  auto whole = core_of(pack);
  const CoreOutput first = run(whole, 200, .25, 6, 11);
  for (int cut = 0; cut < 35; ++cut) {
    INFO("cut after " << cut);
    auto core = core_of(pack);
    const CoreOutput out = run(core, 200, .25, 6, 11, &pack, cut);
    CHECK(thresholds_json(reading_of(*core).thresholds, 0) == thresholds_json(reading_of(*whole).thresholds, 0));
    REQUIRE(out.journal.size() == first.journal.size());
    for (std::size_t i = 0; i < out.journal.size(); ++i) CHECK(out.journal[i].evidence == first.journal[i].evidence);
  }
}

TEST_CASE("a monitor whose windows overlap fires no more than twice as often as it may when nothing changes") {
  auto core = core_of(drift_pack(0, "1 per day"));
  constexpr int hours_run = 2'000;
  const CoreOutput out = run(core, 100, 0, hours_run, 19);
  const auto fired =
      std::count_if(out.journal.begin(), out.journal.end(), [](const auto& row) { return row.to == "firing"; });
  const double nominal = hours_run / 24.0;
  INFO(fired << " false alarms in " << hours_run << " hours, " << nominal << " asked for");
  CHECK(static_cast<double>(fired) <= 2 * nominal);
  CHECK(static_cast<double>(fired) >= nominal / 5);  // one that never fires would pass the line above
}
