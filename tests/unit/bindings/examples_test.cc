// Every example of the registry, hence of the reference and of the editors' help, is run. An example that stops working
// fails here; so does a new entry without one.
#include <catch2/catch.hpp>

#include "bindings/problems.h"
#include "bindings/registry.h"
#include "pack_folder.h"

using namespace tidewatch;

namespace {

const std::string stream =
    "local api = stream \"api\" { time = \"ts\", columns = { ts = \"time\", endpoint = \"category\", version = "
    "\"category?\", "
    "status = \"integer\", latency_ms = \"number\", score = \"number?\", predicted = \"number?\", actual = "
    "\"number?\", "
    "outcome = \"boolean?\" } }\n";
const std::string join =
    "local predictions = stream \"predictions\" { time = \"ts\", key = \"id\", columns = { id = \"string\", ts = "
    "\"time\", score = \"number\", amount = \"number\" } }\n"
    "local fills = stream \"fills\" { time = \"ts\", columns = { id = \"string\", ts = \"time\", outcome = "
    "\"boolean\" } }\n"
    "local judged = predictions:join(fills, { on = \"id\", within = \"2 days\" })\n";
const std::string baseline = "baseline \"train\" { stream = api, from = \"2025-01-01\", to = \"2025-07-01\" }\n";
const std::string monitors =
    "monitor \"errors\" { value = api:share(\"status >= 500\", { over = \"5m\" }), critical = above(0.01) }\n"
    "monitor \"high-latency\" { value = api:p95(\"latency_ms\", { over = \"5m\", by = \"endpoint\" }), critical = "
    "above(25) }\n";
const std::string prices = "stream \"vix\" { time = \"ts\", columns = { ts = \"time\", close = \"number\" } }\n";

bool has(const Entry& entry, Context context) {
  for (const Context c : entry.contexts)
    if (c == context) return true;
  return false;
}

// As a statement: a metric's example is an expression.
std::string statement(const std::string& example) {
  return (example.rfind("judged:", 0) == 0 || (example.rfind("api:", 0) == 0 && example.rfind("api:derive", 0) != 0)
              ? "local example = "
              : "") +
         example + "\n";
}

std::string errors_of(const std::vector<Problem>& problems) {
  std::string out;
  for (const auto& p : problems)
    if (!p.is_warning) out += p.text() + "\n";
  return out;
}

std::string run_in_test(const std::string& test) {
  const PackFolder folder(stream + prices + monitors, test,
                          "simulator \"s\" { step = \"1 day\", faults = { \"nulls\" }, each = function(sim) end }\n");
  std::vector<Problem> problems;
  const auto results = run_pack_tests(folder.path.string(), "", problems);
  if (const std::string errors = errors_of(problems); !errors.empty()) return errors;
  if (results.size() != 1) return std::to_string(results.size()) + " tests ran";
  return results[0].message;
}

std::string run_in_simulation(const std::string& example) {
  const PackFolder folder(
      stream + prices, "",
      "simulator \"s\" { step = \"1 day\", start = \"2026-01-05\", faults = { \"nulls\" }, each = function(sim)\n" +
          example + "\nend }\n");
  std::vector<Problem> problems;
  auto simulator = Simulator::open(folder.path.string(), 1, far_past, {}, problems);
  if (!simulator) return simulator.error().text + "\n" + errors_of(problems);
  const auto rows = (*simulator)->at((*simulator)->start());
  return rows ? "" : rows.error().text;
}

// Loads a pack of all the entry's examples, then asks each `when` function once.
std::string run_in_pack(const std::string& text) {
  const PackFolder folder(text);
  std::vector<Problem> problems;
  const auto pack = ScriptPack::load(folder.path.string(), problems);
  if (!pack) return errors_of(problems);
  for (const auto& m : pack->spec().monitors) {
    if (m.judge < 0) continue;
    for (const double value : {1.0, 500.0, 20000.0}) {
      Reading reading;
      reading.status = Status::ok;
      reading.value = value;
      std::vector<std::pair<std::string_view, const Reading*>> inputs;
      for (const auto& [name, id] : m.inputs) inputs.emplace_back(name, &reading);
      const Judgement judgement = pack->judge(m.judge, {}, inputs, *parse_instant("2026-01-05"));
      if (judgement.kind == Judgement::Kind::error) return judgement.message;
    }
  }
  return "";
}

}  // namespace

TEST_CASE("every example of the registry runs") {
  std::size_t ran = 0;
  for (const Entry& entry : registry()) {
    INFO(entry.signature());
    CHECK_FALSE(entry.examples.empty());
    std::string whole;
    for (const auto& example : entry.examples) whole += statement(example);
    INFO(whole);
    std::string problem;
    if (entry.owner == "simulation") {
      problem = run_in_simulation(whole);
    } else if (entry.name == "simulator") {
      const PackFolder folder(prices, "", whole);
      std::vector<Problem> problems;
      if (auto opened = Simulator::open(folder.path.string(), 1, far_past, {}, problems); !opened)
        problem = opened.error().text + errors_of(problems);
    } else if (entry.name == "test") {
      problem = run_in_test(whole);
    } else if (!has(entry, Context::load) && !has(entry, Context::monitor)) {
      // An alert is ok only once something was judged.
      const std::string before = entry.owner == "expectation" && entry.name == "is"
                                     ? "t:feed(\"api\", { endpoint = \"/a\", status = 200, latency_ms = 8 }, { every = "
                                       "\"1s\", lasting = \"2m\" })\n"
                                     : "";
      problem = run_in_test("test(\"example\", function(t)\n" + before + whole + "end)\n");
    } else {
      problem = run_in_pack(entry.name == "stream" && entry.owner.empty() ? whole : stream + join + baseline + whole);
    }
    // Nothing was fed, so the expectation that an alert was critical says so: that sentence is its answer.
    if (entry.owner == "expectation" && entry.name == "was")
      CHECK(problem.find("alert \"errors\": expected critical from 12m 20s, got ") != std::string::npos);
    else
      CHECK(problem == "");
    ran += entry.examples.size();
  }
  CHECK(ran >= 60);
}
