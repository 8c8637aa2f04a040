// Each folder of tests/packs/fail holds one kind of mistake; what `check` says of it is compared letter by letter.
// TIDEWATCH_GOLDEN=write writes the golden files anew; a person reads the difference.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "bindings/problems.h"

using namespace tidewatch;

TEST_CASE("golden: check says the approved sentences about every kind of mistake") {
  const std::filesystem::path root = TIDEWATCH_SOURCE_DIR;
  std::vector<std::string> names;
  for (const auto& e : std::filesystem::directory_iterator(root / "tests/packs/fail"))
    names.push_back(e.path().filename().string());
  std::sort(names.begin(), names.end());
  REQUIRE(names.size() >= 12);
  for (const auto& name : names) {
    std::vector<Problem> problems;
    const auto pack = ScriptPack::load((root / "tests/packs/fail" / name).string(), problems);
    INFO(name);
    CHECK_FALSE(pack);
    const std::string got = problems_text(problems);
    const auto golden = root / "tests/golden/check" / (name + ".txt");
    const char* const mode = std::getenv("TIDEWATCH_GOLDEN");
    if (mode && std::string(mode) == "write") std::ofstream(golden) << got;
    std::ifstream in(golden);
    std::ostringstream expected;
    expected << in.rdbuf();
    CHECK(got == expected.str());
  }
}
