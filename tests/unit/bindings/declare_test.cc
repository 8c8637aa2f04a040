#include <catch2/catch.hpp>
#include "bindings/problems.h"
#include "pack_folder.h"

using namespace tidewatch;

namespace {

const std::string api =
    "local api = stream \"api\" { time = \"ts\", columns = { ts = \"time\", endpoint = \"category\", status = "
    "\"integer\", latency_ms = \"number?\" } }\n";

}  // namespace

TEST_CASE("a pack becomes a specification") {
  PackFolder folder(
      api +
      "monitor \"slow\" { value = api:mean(\"latency_ms\", { over = \"5m\", by = \"endpoint\" }), layer = \"system\","
      " warning = above(10, { clear = 8 }), critical = above(25):lasting \"2m\", labels = { region = \"eu\" } }\n"
      "webhook \"ops\" { url = secret \"HOOK\", severity = \"warning\" }\n");
  std::vector<Problem> problems;
  const auto pack = ScriptPack::load(folder.path.string(), problems);
  INFO(problems_text(problems));
  REQUIRE(pack);
  const PackSpec& spec = pack->spec();
  CHECK(spec.name == "demo");
  CHECK(spec.hash.size() == 64);
  REQUIRE(spec.streams.size() == 1);
  CHECK(spec.streams[0].schema.names() == std::vector<std::string>{"endpoint", "latency_ms", "status", "ts"});
  CHECK(spec.streams[0].schema.columns[1].nullable);
  REQUIRE(spec.monitors.size() == 1);
  const MonitorSpec& m = spec.monitors[0];
  CHECK(m.id == "demo/slow");
  REQUIRE(m.rules[2]);
  CHECK(m.rules[2]->condition.high == 10);
  CHECK(m.rules[2]->condition.clear_high == 8.0);
  CHECK(m.rules[3]->lasting == minutes(2));
  CHECK(spec.handles[static_cast<std::size_t>(m.value)].metric.by == std::vector<std::string>{"endpoint"});
  CHECK(spec.notifiers[0].url_secret == "HOOK");
}

TEST_CASE("rises becomes a deviation from the same metric over the baseline") {
  PackFolder folder(api +
                    "baseline \"old\" { stream = api, from = \"2026-01-01\", to = \"2026-02-01\" }\n"
                    "monitor \"m\" { value = api:mean(\"latency_ms\", { over = \"5m\", step = \"1m\" }), warning = "
                    "rises(0.2, { from = baseline \"old\" }),"
                    " critical = drops(0.1, { from = \"1 week ago\" }) }\n");
  std::vector<Problem> problems;
  const auto pack = ScriptPack::load(folder.path.string(), problems);
  INFO(problems_text(problems));
  REQUIRE(pack);
  const auto& handles = pack->spec().handles;
  const auto& rules = pack->spec().monitors[0].rules;
  const HandleSpec& up = handles[static_cast<std::size_t>(rules[2]->condition.input)];
  CHECK(up.op == HandleSpec::Op::deviation);
  CHECK(handles[up.inputs[1]].metric.at_baseline);
  CHECK(handles[up.inputs[1]].metric.against == "old");
  CHECK(rules[2]->condition.high == 0.2);
  const HandleSpec& down = handles[static_cast<std::size_t>(rules[3]->condition.input)];
  CHECK(handles[down.inputs[1]].op == HandleSpec::Op::shifted);
  CHECK(handles[down.inputs[1]].span == days(7));
  CHECK(rules[3]->condition.low == -0.1);
}

TEST_CASE("a pack's tests run on a virtual clock, each in its own state") {
  PackFolder folder(
      api + "monitor \"busy\" { every = \"10s\", value = api:count { over = \"1m\" }, critical = above(30) }\n",
      "test(\"a burst fires\", function(t)\n  t:start \"2026-03-02\"\n"
      "  t:feed(\"api\", { endpoint = \"/a\", status = 200 }, { every = \"1s\", lasting = \"3m\" })\n"
      "  expect(t:alert \"busy\"):is \"critical\"\n  expect(t:pages()):count(1)\nend)\n"
      "test(\"nothing at rest\", function(t)\n  print(\"before\", 1)\n  expect(t:alert \"busy\"):is "
      "\"critical\"\nend)\n");
  std::vector<Problem> problems;
  const auto results = run_pack_tests(folder.path.string(), "", problems);
  INFO(problems_text(problems));
  REQUIRE(results.size() == 2);
  INFO(results[0].message);
  CHECK(results[0].passed);
  CHECK_FALSE(results[1].passed);
  CHECK(results[0].output.empty());
  CHECK(results[1].output == std::vector<std::string>{"demo/pack_test.lua:8: before\t1"});
  CHECK(results[1].message.find("demo/pack_test.lua:9: alert \"busy\": expected critical") != std::string::npos);
}

TEST_CASE("a declared baseline is its own reference") {
  for (const char* const form :
       {"local calm = baseline \"calm\" { stream = api, from = \"2026-01-01\", to = \"2026-02-01\" }\n",
        "local calm = baseline(\"calm\", { stream = api, from = \"2026-01-01\", to = \"2026-02-01\" })\n"}) {
    PackFolder folder(
        api + form +
        "monitor \"m\" { value = api:psi(\"latency_ms\", { over = \"5m\", against = calm }), warning = above(0.1) }\n");
    std::vector<Problem> problems;
    const auto pack = ScriptPack::load(folder.path.string(), problems);
    INFO(problems_text(problems));
    REQUIRE(pack);
    CHECK(pack->spec().handles[0].metric.against == "calm");
  }
}

TEST_CASE("what the engine finds in a handle is told beside other mistakes") {
  PackFolder folder(
      api +
      "monitor \"m\" { value = api:mean(\"latency_ms\", { over = \"5m\", step = \"7s\" }), warning = above(1) }\n"
      "monitor \"n\" { value = api:count { over = \"5m\" }, warning = 3 }\n");
  std::vector<Problem> problems;
  CHECK_FALSE(ScriptPack::load(folder.path.string(), problems));
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].line == 2);
  CHECK(problems[0].what.find("step \"7s\" does not divide") != std::string::npos);
  CHECK(problems[1].line == 3);
}

TEST_CASE("limits the wrong way round are warned of, with both; the right way round they are not") {
  const auto warnings = [](const std::string& rules) {
    PackFolder folder(api + "monitor \"m\" { value = api:mean(\"latency_ms\", { over = \"5m\" }), " + rules + " }\n");
    std::vector<Problem> problems;
    const auto pack = ScriptPack::load(folder.path.string(), problems);
    INFO(problems_text(problems));
    REQUIRE(pack);
    std::string out;
    for (const Problem& p : problems) {
      CHECK(p.is_warning);
      CHECK(p.line == 2);
      out += p.what + "\n";
    }
    return out;
  };
  CHECK(warnings("warning = above(10), critical = above(5)") ==
        "critical = above(5) is reached before warning = above(10); are the limits the wrong way round?\n");
  CHECK(warnings("info = below(1), critical = below(2)") ==
        "critical = below(2) is reached before info = below(1); are the limits the wrong way round?\n");
  CHECK(warnings("warning = above(10), critical = above(20)") == "");
  CHECK(warnings("warning = above(10), critical = above(10):lasting \"5m\"") == "");
  CHECK(warnings("warning = below(10), critical = below(5)") == "");
  CHECK(warnings("warning = above(10), critical = below(5)") == "");
}

TEST_CASE("annotations may name the labels of what a function looks at") {
  PackFolder folder(
      api +
      "monitor \"m\" { inputs = { p = api:p95(\"latency_ms\", { over = \"5m\", by = \"endpoint\" }) },\n"
      "when = function() end, annotations = { summary = \"{endpoint} {monitor} {threshold} {since}\" } }");
  std::vector<Problem> problems;
  CHECK(ScriptPack::load(folder.path.string(), problems));
  INFO(problems_text(problems));
  CHECK(problems.empty());
}
