// What tests of packs say of themselves: an expectation about what there is not is an error, because it would hold
// whatever the pack does.
#include <catch2/catch.hpp>

#include "bindings/script_pack.h"
#include "pack_folder.h"

using namespace tidewatch;

namespace {

const char* const pack = R"(
local api = stream "api" { time = "ts", columns = { ts = "time", endpoint = "category", ms = "number" } }
console "screen" {}
monitor "slow" { value = api:mean("ms", { over = "10m", by = "endpoint" }), every = "1m", warning = above(5) }
monitor "broken" {
  inputs = { all = api:mean("ms", { over = "10m" }) }, every = "1m",
  when = function(now) if now.al.value > 5 then return critical "x" end end,
}
)";

// What the only test says when it fails, "" when it passes. Rows of /a are slow for a quarter of an hour.
std::string message_of(const std::string& expectation) {
  PackFolder folder(pack,
                    "test(\"t\", function(t)\n"
                    "t:feed(\"api\", { endpoint = \"/a\", ms = 9 }, { every = \"10s\", lasting = \"15m\" })\n" +
                        expectation + "\nend)\n");
  std::vector<Problem> problems;
  const auto results = run_pack_tests(folder.path.string(), "", problems);
  REQUIRE(problems.empty());
  REQUIRE(results.size() == 1);
  return results[0].message;
}

bool says(const std::string& expectation, const std::string& part) {
  const std::string message = message_of(expectation);
  INFO(expectation << ": " << message);
  CHECK(message.find(part) != std::string::npos);
  return message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an expectation about a state, monitor, notifier or event that there is not is an error") {
  says("expect(t:alert \"slow\" { endpoint = \"/a\" }):was_never \"critcal\"",
       "no state \"critcal\" (did you mean \"critical\"?)");
  says("expect(t:alert \"slow\" { endpoint = \"/a\" }):is \"okay\"", "no state \"okay\"");
  says("expect(t:alert \"slow\" { endpoint = \"/a\" }):was \"warn\"", "no state \"warn\"");
  says("expect(t:pages { monitor = \"slo\" }):count(0)", "no monitor \"slo\" (did you mean \"slow\"?)");
  says("expect(t:notifications { to = \"sreen\" }):count(0)", "no notifier \"sreen\" (did you mean \"screen\"?)");
  says("expect(t:notifications { event = \"resolve\" }):count(0)", "no event \"resolve\"");
  says("t:reading \"slo\"", "no monitor \"slo\" (did you mean \"slow\"?)");
  says("expect(t:alert \"slow\"):equal(1)", "an expectation has no \"equal\" (did you mean \"equals\"?)");
}

TEST_CASE("labels that a monitor does not have are an error that names those it has, also for what never was") {
  for (const std::string state : {"is \"ok\"", "was \"warning\"", "was_never \"critical\""}) {
    says("expect(t:alert \"slow\" { endpont = \"/a\" }):" + state,
         "alert \"slow\" {endpont=\"/a\"}: there is no alert with these labels; 1 has {endpoint=\"/a\"}");
    says("expect(t:alert \"slow\"):" + state, "alert \"slow\": there is no alert with these labels");
  }
  CHECK(message_of("expect(t:alert \"slow\" { endpoint = \"/a\" }):was_never \"critical\"") == "");
}

TEST_CASE("firing stands for any severity in every expectation") {
  const std::string alert = "expect(t:alert \"slow\" { endpoint = \"/a\" }):";
  CHECK(message_of(alert + "is \"firing\"") == "");
  CHECK(message_of(alert + "was \"firing\"") == "");
  says(alert + "was_never \"firing\"", "expected never firing, got");
}

TEST_CASE("an alert without a verdict says why where another state was expected") {
  says("expect(t:alert \"broken\"):is \"ok\"", "attempt to index");
  says("expect(t:alert \"broken\"):is \"ok\"", "pack.lua:7");
}
