#include "bindings/script_pack.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/text.h"
#include "bindings/loading.h"

namespace tidewatch {

struct ScriptPack::State {
  LoadedState lua;
};

ScriptPack::ScriptPack(std::unique_ptr<State> state) : state_(std::move(state)) {}
ScriptPack::~ScriptPack() = default;

std::unique_ptr<ScriptPack> ScriptPack::load(const std::string& folder, std::vector<Problem>& problems, bool is_live) {
  auto state = std::make_unique<State>();
  state->lua = open_state(folder, is_live ? StateUse::live : StateUse::counted, problems);
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

Problem ScriptPack::problem_of(const std::string& kind, const std::string& name, const std::string& what) const {
  const Declarations& d = *state_->lua.declarations;
  Problem p;
  p.file = d.spec.name + "/pack.lua";
  p.what = what;
  const auto known = d.names.find({kind, name});
  if (known == d.names.end()) return p;
  p.file = known->second.file;
  p.line = known->second.line;
  if (const std::string* text = find_source(d.host.sources(), p.file)) {
    const Span span = SourceMap(*text).call(p.line, kind, name);
    if (span.line) p.line = span.line, p.column = span.column, p.length = span.length;
    p.source_line = line_of(*text, p.line);
  }
  return p;
}

Judgement ScriptPack::judge(int function, const LabelSet& labels,
                            std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) {
  return judge_in(*state_->lua.declarations, function, labels, inputs, now);
}

bool ScriptPack::test(int function, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) {
  return test_in(*state_->lua.declarations, function, batch, out, reason);
}

ScriptFacts ScriptPack::facts() const {
  static constexpr std::array<const char*, 4> outcomes{"ok", "error", "budget", "memory"};
  const Host& host = *state_->lua.host;
  const HostCounters& counted = host.counters();
  ScriptFacts f;
  for (std::size_t c = 0; c < std::size(counted.by_context); ++c) {
    const ContextCounters& context = counted.by_context[c];
    const std::string name(name_of(static_cast<Context>(c)));
    std::uint64_t calls = 0;
    for (std::size_t o = 0; o < outcomes.size(); ++o) {
      calls += context.calls[o];
      if (context.calls[o] > 0) f.calls[{name, outcomes[o]}] = context.calls[o];
      if (o > 0) f.errors[outcomes[o]] += context.calls[o];
    }
    if (calls > 0) f.cpu_seconds[name] = static_cast<double>(context.cpu.ns) / 1e9;
  }
  f.memory = host.memory_bytes();
  f.memory_peak = host.memory_peak();
  f.memory_limit = host.memory_limit();
  f.half_budget = counted.half_budget;
  f.stalls = counted.stalls;
  f.dropped_output_bytes = counted.dropped_output_bytes;
  f.gc_seconds = static_cast<double>(counted.collecting.ns) / 1e9;
  return f;
}

void ScriptPack::set_replaying(bool is_replaying) { state_->lua.host->set_patient(is_replaying); }
Duration ScriptPack::collect(Duration most) { return state_->lua.host->collect(most); }

std::vector<std::string> ScriptPack::take_output() { return state_->lua.host->take_output(); }
std::size_t ScriptPack::memory_bytes() const { return state_->lua.host->memory_bytes(); }

}  // namespace tidewatch
