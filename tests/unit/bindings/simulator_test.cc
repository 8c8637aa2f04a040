#include <catch2/catch.hpp>

#include "bindings/problems.h"
#include "pack_folder.h"

using namespace tidewatch;

namespace {

const std::string pack = "stream \"vix\" { time = \"ts\", columns = { ts = \"time\", close = \"number?\" } }\n";
const std::string market =
    "local level = 20\n"
    "simulator \"market\" { step = \"1 day\", start = \"2026-01-01\", faults = { \"nulls\", \"jump\" }, each = "
    "function(sim)\n"
    "  if not sim:business_day \"weekdays\" then return end\n"
    "  level = level + sim:normal(0, 1)\n"
    "  local is_on, seconds = sim:fault \"nulls\"\n"
    "  if is_on then sim:emit(\"vix\", { ts = sim.time }) else sim:emit(\"vix\", { ts = sim.time, close = level }) "
    "end\n"
    "  if seconds == 86400 then sim:emit(\"notes\", { ts = sim.time, text = \"second day\" }) end\n"
    "end }\n";

std::vector<std::string> emitted(const PackFolder& folder, std::uint64_t seed,
                                 std::vector<Simulator::Fault> faults = {}) {
  std::vector<Problem> problems;
  auto simulator = Simulator::open(folder.path.string(), seed, far_past, std::move(faults), problems);
  INFO(problems_text(problems));
  REQUIRE(simulator);
  std::vector<std::string> out;
  for (int step = 0; step < 14; ++step) {
    auto rows = (*simulator)->at((*simulator)->start() + days(step));
    REQUIRE(rows);
    for (const auto& row : *rows) out.push_back(row.stream + " " + row.json);
  }
  return out;
}

}  // namespace

TEST_CASE("a simulator gives the same records for the same seed and others for another") {
  const PackFolder folder(pack, "", market);
  const auto first = emitted(folder, 1);
  CHECK(first.size() == 10);  // two weeks from Thursday, 1 January 2026
  CHECK(first == emitted(folder, 1));
  CHECK(first != emitted(folder, 2));
  CHECK(first[0].find("vix {\"close\":") == 0);
  CHECK(first[0].find("2026-01-01") != std::string::npos);
}

TEST_CASE("a fault is on inside its span and nowhere else, and tells for how long") {
  const PackFolder folder(pack, "", market);
  const Instant start = *parse_instant("2026-01-05");
  const auto rows = emitted(folder, 1, {{"nulls", start, start + days(2)}});
  const auto calm = emitted(folder, 1);
  REQUIRE(rows.size() == 11);
  CHECK(rows[0] == calm[0]);
  CHECK(rows[2] == "vix {\"ts\":\"" + format_instant(start) + "\"}");
  CHECK(rows[4].find("notes ") == 0);
  CHECK(rows[5] == calm[4]);  // the fault changed no random number
}

TEST_CASE("a simulator that cannot run says why") {
  const PackFolder folder(pack, "", market);
  std::vector<Problem> problems;
  const auto unknown = Simulator::open(folder.path.string(), 1, far_past, {{"nulsl", Instant{}, Instant{}}}, problems);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().text.find("has no fault \"nulsl\" (did you mean \"nulls\"?)") != std::string::npos);

  const PackFolder broken(
      pack, "",
      "simulator \"x\" { step = \"1 day\", start = \"2026-01-01\", each = function(sim) while true do end end }\n");
  auto endless = Simulator::open(broken.path.string(), 1, far_past, {}, problems);
  REQUIRE(endless);
  CHECK_FALSE((*endless)->at((*endless)->start()));

  const PackFolder absent(pack);
  CHECK_FALSE(Simulator::open(absent.path.string(), 1, far_past, {}, problems));
  CHECK_FALSE(problems.empty());
}

TEST_CASE("only the asked streams are emitted") {
  const PackFolder folder(pack, "", market);
  std::vector<Problem> problems;
  auto simulator = Simulator::open(folder.path.string(), 1, far_past, {}, problems);
  REQUIRE(simulator);
  (*simulator)->only({"notes"});
  auto rows = (*simulator)->at((*simulator)->start());
  REQUIRE(rows);
  CHECK(rows->empty());
}
