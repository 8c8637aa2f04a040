// simulator "market" { ... } in a pack's simulator.lua: records made up step by step, with faults to switch on.

#include <algorithm>

#include "base/calendar.h"
#include "base/text.h"
#include "bindings/declarations.h"
#include "bindings/simulator_run.h"

namespace tidewatch {

namespace {

SimulationRun& running(Call& call) {
  if (!call.pack.simulation) throw Misuse("no simulation is running");
  return *call.pack.simulation;
}

int declare_simulator(Call& call, const Declarer& declarer, int table) {
  const bool is_new = declare_name(call, "simulator", declarer.name, declarer.place);
  Fields fields(call, table, *declarer.entry, declarer.place, "simulator \"" + declarer.name + "\"");
  SimulatorDraft draft;
  draft.name = declarer.name;
  fields.text("about");
  draft.step = fields.duration("step").value_or(Duration{});
  if (fields.has("step") && draft.step.ns <= 0) fields.wrong("step", "a duration above 0");
  draft.start = fields.instant("start", "UTC");
  draft.faults = fields.texts("faults");
  if (fields.push("each")) {
    if (lua_isfunction(call.state, -1)) {
      draft.each = Ref(call.state);
    } else {
      lua_pop(call.state, 1);
      fields.wrong("each", "a function of the simulation");
    }
  }
  if (is_new && fields.is_good()) call.pack.simulators.push_back(std::move(draft));
  return 0;
}

int emit(Call& call) {
  SimulationRun& run = running(call);
  const auto stream = call.need_text(2, 1, "the name of a stream");
  if (!run.wants(stream.value_or(""))) return 0;
  auto json = row_json(call.state, 3);
  if (!json) throw Misuse("sim:emit: " + json.error().text);
  if (run.emitted.size() >= 100'000) throw Misuse("sim:emit: expected at most 100,000 records a step");
  run.emitted.push_back({stream.value_or(""), std::move(*json)});
  return 0;
}

int fault(Call& call) {
  SimulationRun& run = running(call);
  const std::string name = call.need_text(2, 1, "the name of a fault").value_or("");
  if (std::find(run.known_faults.begin(), run.known_faults.end(), name) == run.known_faults.end())
    throw Misuse("sim:fault: the simulator lists no fault \"" + name + "\"" + did_you_mean(name, run.known_faults));
  for (const auto& f : run.faults)
    if (f.name == name && f.from <= run.at && run.at < f.to) {
      lua_pushboolean(call.state, 1);
      push_number(call.state, (run.at - f.from).seconds());
      return 2;
    }
  lua_pushboolean(call.state, 0);
  return 1;
}

int random_number(Call& call) {
  SimulationRun& run = running(call);
  const double low = call.count() >= 3 ? call.need_number(2, 1).value_or(0) : 0;
  const double high = call.count() >= 3   ? call.need_number(3, 2).value_or(1)
                      : call.count() == 2 ? call.need_number(2, 1).value_or(1)
                                          : 1;
  lua_pushnumber(call.state, low + (high - low) * run.random.uniform());
  return 1;
}

int normal(Call& call) {
  SimulationRun& run = running(call);
  const double mean = call.count() >= 2 ? call.need_number(2, 1).value_or(0) : 0;
  const double deviation = call.count() >= 3 ? call.need_number(3, 2).value_or(1) : 1;
  lua_pushnumber(call.state, mean + deviation * run.random.normal());
  return 1;
}

int wants(Call& call) {
  lua_pushboolean(call.state, running(call).wants(call.need_text(2, 1, "the name of a stream").value_or("")));
  return 1;
}

int ago(Call& call) {
  const Duration span = call.need_duration(2, 1).value_or(Duration{});
  push_text(call.state, format_instant(running(call).at - span));
  return 1;
}

int business_day(Call& call) {
  SimulationRun& run = running(call);
  auto calendar = Calendar::named(call.is_text(2) ? call.text(2) : "weekdays");
  if (!calendar) throw Misuse(calendar.error().text);
  lua_pushboolean(call.state, calendar->is_business_day(local_day(run.at, "UTC")));
  return 1;
}

}  // namespace

// sim.at, sim.date, sim.time, sim.step, sim.weekday.
int missing_simulation_field(Call& call) {
  SimulationRun& run = running(call);
  const std::string name = call.text(2);
  const CivilDay day = local_day(run.at, "UTC");
  if (name == "at")
    push_number(call.state, static_cast<double>(run.at.ns) / 1e9);
  else if (name == "date")
    push_text(call.state, format_day(day));
  else if (name == "time")
    push_text(call.state, format_instant(run.at));
  else if (name == "step")
    push_number(call.state, static_cast<double>(run.number));
  else if (name == "weekday")
    push_number(call.state, weekday(day) + 1.0);
  else {
    auto known = names_of("simulation");
    for (const char* field : {"at", "date", "time", "step", "weekday"}) known.emplace_back(field);
    throw Misuse("a simulation has no " + call.describe(2) + did_you_mean(name, known));
  }
  return 1;
}

std::vector<Entry> simulate_entries() {
  const std::vector<Context> contexts = {Context::test};
  const auto method = [&](std::string name, std::vector<Param> params, std::string returns, std::string text,
                          std::string example, int (*function)(Call&)) {
    return Entry{std::move(name),      "method", "simulation", std::move(params),
                 std::move(returns),   contexts, "act",        std::move(text),
                 {std::move(example)}, function, nullptr};
  };
  return {
      {"simulator",
       "declaration",
       "",
       {may("about", "text", "", "What it stands for."), need("step", "duration", "How far apart steps are."),
        need("each", "function", "Called once a step with the simulation."),
        may("start", "instant", "", "The first step when nothing else is asked for."),
        may("faults", "list of texts", "", "Names that sim:fault may ask for.")},
       "",
       at_load(),
       "declare",
       "Declares a simulator; in the pack's simulator.lua. The simulation has at (seconds), time and date (texts), "
       "step and weekday (1 = Monday).",
       {"simulator \"market\" {\n  step = \"1 day\", start = \"2004-01-01\", faults = { \"nulls\" },\n  each = "
        "function(sim)\n    if sim:business_day \"XNYS\" then sim:emit(\"vix\", { ts = sim.time, close = "
        "sim:normal(20, 2) }) end\n  end,\n}"},
       nullptr,
       declare_simulator},
      method("emit",
             {argument("stream", "text", "Its name."),
              argument("row", "row", "Named columns; a column left out is null.")},
             "", "Sends a record.", "sim:emit(\"vix\", { ts = sim.time, close = 20 })", emit),
      method("fault", {argument("name", "text", "One of `faults`.")}, "boolean, number",
             "Whether a fault is on, and for how many seconds.", "local is_on, seconds = sim:fault \"nulls\"", fault),
      method("wants", {argument("stream", "text", "Its name.")}, "boolean",
             "Whether anybody listens to the stream; saves the work when not.", "local is_heard = sim:wants \"vix\"",
             wants),
      method("ago", {argument("span", "duration", "How far back.")}, "text", "The instant that long before the step.",
             "sim:emit(\"vix\", { ts = sim:ago \"3m\", close = 20 })", ago),
      method("random", {}, "number", "A number in [0, 1), [0, high) or [low, high); seeded.",
             "local x = sim:random(5, 10)", random_number),
      method("normal", {}, "number", "A normal number; mean and standard deviation may be given.",
             "local x = sim:normal(20, 2)", normal),
      method("business_day", {argument("calendar", "text", "\"weekdays\" or \"XNYS\".")}, "boolean",
             "Whether the step's UTC date is one.", "local is_open = sim:business_day \"XNYS\"", business_day),
  };
}

}  // namespace tidewatch
