#include "bindings/script_pack.h"

#include <algorithm>

#include "base/text.h"
#include "bindings/loading.h"

namespace tidewatch {

struct ScriptPack::State {
  LoadedState lua;
};

ScriptPack::ScriptPack(std::unique_ptr<State> state) : state_(std::move(state)) {}
ScriptPack::~ScriptPack() = default;

std::unique_ptr<ScriptPack> ScriptPack::load(const std::string& folder, std::vector<Problem>& problems) {
  auto state = std::make_unique<State>();
  state->lua = open_state(folder, false, problems);
  if (!state->lua.host) return nullptr;
  Declarations& d = *state->lua.declarations;
  if (run_script(state->lua, "pack.lua")) check_whole(d);
  if (d.spec.monitors.empty() && !d.problems.has_errors()) {
    Problem p;
    p.is_warning = true;
    p.file = d.spec.name + "/pack.lua";
    p.what = "declares no monitor";
    d.problems.add(std::move(p));
  }
  const bool has_errors = d.problems.has_errors();
  for (auto& p : d.problems.take(state->lua.host->sources())) problems.push_back(std::move(p));
  if (has_errors) return nullptr;
  auto sources = state->lua.host->sources();
  std::sort(sources.begin(), sources.end());
  std::string whole;
  for (const auto& [name, text] : sources) whole += name + '\0' + text + '\0';
  d.spec.hash = sha256_hex(whole);
  return std::unique_ptr<ScriptPack>(new ScriptPack(std::move(state)));
}

const PackSpec& ScriptPack::spec() const { return state_->lua.declarations->spec; }

Judgement ScriptPack::judge(int function, const LabelSet& labels,
                            std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) {
  return judge_in(*state_->lua.declarations, function, labels, inputs, now);
}

bool ScriptPack::test(int function, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) {
  return test_in(*state_->lua.declarations, function, batch, out, reason);
}

std::vector<std::string> ScriptPack::take_output() { return state_->lua.host->take_output(); }
std::size_t ScriptPack::memory_bytes() const { return state_->lua.host->memory_bytes(); }

}  // namespace tidewatch
