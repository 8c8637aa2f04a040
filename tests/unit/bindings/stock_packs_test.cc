// Stock packs: part of the binary, required by name, ordinary Lua; mistakes are told of the line that calls them.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "bindings/problems.h"
#include "bindings/stock_packs.h"
#include "pack_folder.h"

using namespace tidewatch;

namespace {

const std::string stream = R"(local anomaly = require "tidewatch.anomaly"
local api = stream "api" { time = "ts", columns = { { "ts", "time" }, { "ms", "number" } } }
)";

std::string problems_of(const std::string& text) {
  const PackFolder folder(stream + text);
  std::vector<Problem> problems;
  ScriptPack::load(folder.path.string(), problems);
  return problems_text(problems);
}

}  // namespace

TEST_CASE("the stock packs in the binary are the files of scripts/, letter by letter") {
  std::set<std::string> built, there;
  for (const StockPack& pack : stock_packs()) {
    built.emplace(pack.name);
    std::ifstream in(std::filesystem::path(TIDEWATCH_SOURCE_DIR) / "scripts" /
                     (std::string(pack.name.substr(10)) + ".lua"));
    std::ostringstream text;
    text << in.rdbuf();
    CHECK(text.str() == pack.text);
  }
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(TIDEWATCH_SOURCE_DIR) / "scripts"))
    if (file.path().extension() == ".lua") there.insert("tidewatch." + file.path().stem().string());
  CHECK(built == there);
  CHECK(built.count("tidewatch.anomaly") == 1);
}

TEST_CASE("anomaly.watch is an ewma monitor whose events last 200 values") {
  const PackFolder folder(stream + R"(
    anomaly.watch("volume", api:count { over = "5m" }, { layer = "data", every = "10s" })
    anomaly.watch("each", api:last("ms", { over = "1 rows" }), { event = "1 day", score = 4, severity = "critical",
                                                                decay = 0.1, warm = 20 })
  )");
  std::vector<Problem> problems;
  const auto pack = ScriptPack::load(folder.path.string(), problems);
  INFO(problems_text(problems));
  REQUIRE(pack);
  REQUIRE(pack->spec().monitors.size() == 2);
  const MonitorSpec& volume = pack->spec().monitors[0];
  CHECK(volume.name == "volume");
  CHECK(volume.layer == "data");
  CHECK(describe(pack->spec().handles[static_cast<std::size_t>(volume.value)], pack->spec().handles) ==
        "api:count { over = \"5m\" }:ewma()");
  REQUIRE(volume.rules[2]);
  CHECK(volume.rules[2]->condition.low == -5);
  CHECK(volume.rules[2]->condition.high == 5);
  CHECK(volume.rules[2]->keep_firing == seconds(1000));  // panes of 5 s
  const MonitorSpec& each = pack->spec().monitors[1];
  REQUIRE(each.rules[3]);
  CHECK(each.rules[3]->keep_firing == days(1));
  CHECK(describe(pack->spec().handles[static_cast<std::size_t>(each.value)], pack->spec().handles) ==
        "api:last(\"ms\", { over = \"1 row\" }):ewma { decay = 0.1, warm = 20 }");
}

TEST_CASE("mistakes in the use of a stock pack are told of the pack's own line") {
  CHECK(problems_of("anomaly.watch(\"each\", api:last(\"ms\", { over = \"1 rows\" }))").find("demo/pack.lua:3") !=
        std::string::npos);
  CHECK(problems_of("anomaly.watch(\"each\", api:last(\"ms\", { over = \"1 rows\" }))")
            .find("say how long an event is, such as event = \"1 day\"") != std::string::npos);
  const std::string unknown = problems_of("anomaly.watch(\"a\", api:count { over = \"5m\" }, { layr = \"data\" })");
  CHECK(unknown.find("demo/pack.lua:3") != std::string::npos);
  CHECK(unknown.find("layr") != std::string::npos);
  CHECK(unknown.find("layer") != std::string::npos);
  const std::string decay = problems_of("anomaly.watch(\"a\", api:count { over = \"5m\" }, { decay = 3 })");
  CHECK(decay.find("demo/pack.lua:3") != std::string::npos);
  CHECK(decay.find("decay: expected a number between 0 and 1") != std::string::npos);
  CHECK(problems_of("local other = require \"tidewatch.anomalies\"").find("tidewatch.anomaly") != std::string::npos);
}

TEST_CASE("leakage.watch is three monitors of a joined stream, and says what is missing") {
  const std::string streams = R"(local leakage = require "tidewatch.leakage"
    local scores = stream "scores" { time = "ts", columns = { { "ts", "time" }, { "id", "string" }, { "risk", "number" } } }
    local outcomes = stream "outcomes" { time = "ts", columns = { { "ts", "time" }, { "id", "string" }, { "bad", "boolean" } } }
    local judged = scores:join(outcomes, { on = "id", within = "1 day" })
)";
  const PackFolder folder(streams + R"(
    leakage.watch("loans", judged, { columns = "risk", actual = "bad", over = "7 days", score = "risk", layer = "model" })
  )");
  std::vector<Problem> problems;
  const auto pack = ScriptPack::load(folder.path.string(), problems);
  INFO(problems_text(problems));
  REQUIRE(pack);
  const auto& monitors = pack->spec().monitors;
  REQUIRE(monitors.size() == 3);
  CHECK(monitors[0].name == "loans-column");
  REQUIRE(monitors[0].rules[3]);
  CHECK(monitors[0].rules[3]->condition.high == 0.98);
  CHECK(pack->spec().handles[static_cast<std::size_t>(monitors[0].value)].metric.min_n == 200);
  CHECK(monitors[1].name == "loans-labels");
  CHECK(monitors[1].judge >= 0);
  CHECK(monitors[2].name == "loans-score");
  REQUIRE(monitors[2].rules[2]);
  CHECK_FALSE(monitors[2].rules[3]);
  for (const MonitorSpec& monitor : monitors) CHECK(monitor.layer == "model");

  const PackFolder wrong(streams + "leakage.watch(\"loans\", judged, { columns = \"risk\", over = \"7 days\" })");
  std::vector<Problem> said;
  ScriptPack::load(wrong.path.string(), said);
  CHECK(problems_text(said).find("actual is missing") != std::string::npos);
  CHECK(problems_text(said).find("demo/pack.lua:5") != std::string::npos);
}
