#include <algorithm>

#include "base/text.h"
#include "bindings/loading.h"
#include "bindings/simulator_run.h"

namespace tidewatch {

struct Simulator::State {
  State(LoadedState loaded, std::uint64_t seed) : lua(std::move(loaded)), run(seed) {}
  LoadedState lua;
  SimulationRun run;
  Instant start{};
};

Simulator::Simulator(std::unique_ptr<State> state) : state_(std::move(state)) {}
Simulator::~Simulator() = default;

Result<std::unique_ptr<Simulator>> Simulator::open(const std::string& pack_folder, std::uint64_t seed, Instant from,
                                                   std::vector<Fault> faults, std::vector<Problem>& problems) {
  LoadedState lua = open_state(pack_folder, StateUse::test, problems);
  if (!lua.host) return invalid("cannot open the simulator of " + pack_name(pack_folder));
  run_script(lua, "simulator.lua");
  Declarations& d = *lua.declarations;
  const bool is_bad = d.problems.has_errors();
  for (auto& p : d.problems.take(lua.host->sources())) problems.push_back(std::move(p));
  if (is_bad) return invalid("simulator.lua of " + pack_name(pack_folder) + " has problems");
  if (d.simulators.size() != 1)
    return invalid("simulator.lua of " + pack_name(pack_folder) + ": expected one simulator, got " +
                   std::to_string(d.simulators.size()));
  const SimulatorDraft& draft = d.simulators[0];
  for (const auto& f : faults)
    if (std::find(draft.faults.begin(), draft.faults.end(), f.name) == draft.faults.end())
      return invalid("simulator \"" + draft.name + "\" has no fault \"" + f.name + "\"" +
                     did_you_mean(f.name, draft.faults));
  if (from == far_past && !draft.start)
    return invalid("simulator \"" + draft.name + "\" says no `start`; give an instant");
  auto state = std::make_unique<State>(std::move(lua), seed);
  state->start = from == far_past ? *state->lua.declarations->simulators[0].start : from;
  state->run.faults = std::move(faults);
  state->run.known_faults = state->lua.declarations->simulators[0].faults;
  return std::unique_ptr<Simulator>(new Simulator(std::move(state)));
}

Duration Simulator::step() const { return state_->lua.declarations->simulators[0].step; }
Instant Simulator::start() const { return state_->start; }
const std::string& Simulator::name() const { return state_->lua.declarations->simulators[0].name; }
void Simulator::only(std::vector<std::string> streams) { state_->run.only = std::move(streams); }
std::vector<std::string> Simulator::fault_names() const { return state_->run.known_faults; }

Result<std::vector<Simulator::Emitted>> Simulator::at(Instant at) {
  Declarations& d = *state_->lua.declarations;
  SimulationRun& run = state_->run;
  run.at = at;
  ++run.number;
  run.emitted.clear();
  d.simulation = &run;
  d.now = at;
  const auto body = [](lua_State* L) -> int {
    auto& declarations = *static_cast<Declarations*>(lua_touserdata(L, 1));
    declarations.simulators[0].each.push();
    Call call(L, nullptr);
    Object<SimulationObject>::push(call, {});
    lua_call(L, 1, 0);
    return 0;
  };
  lua_State* L = d.host.state();
  lua_pushcfunction(L, body);
  lua_pushlightuserdata(L, &d);
  const Outcome outcome = d.host.call(Context::test, 1, 0);
  d.simulations.clear();
  d.simulation = nullptr;
  if (!outcome.ok()) return invalid(outcome.message);
  return std::move(run.emitted);
}

}  // namespace tidewatch
