// Any text as pack.lua, loaded and checked under small budgets. Faults are a crash, a sanitizer's word, a call still
// open, references left behind, or a load that ignores its budget (libFuzzer's -timeout).
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bindings/binding.h"
#include "bindings/loading.h"

using namespace tidewatch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 64u << 10) return 0;
  std::vector<Problem> problems;
  {
    LoadedState state = open_state("/nonexistent/fuzz", StateUse::counted, problems);
    if (!state.host) std::abort();
    const std::string text(reinterpret_cast<const char*>(data), size);
    Outcome outcome = state.host->load_text(text, "fuzz/pack.lua");
    if (outcome.ok()) outcome = state.host->call(Context::load, 0, 0, milliseconds(20));
    if (!outcome.ok()) {
      if (outcome.message.empty()) std::abort();
      add_failure(*state.declarations, outcome);
    }
    check_whole(*state.declarations);
    for (const auto& p : state.declarations->problems.take(state.host->sources()))
      if (p.text().empty()) std::abort();
    for (std::size_t i = 0; i < state.declarations->spec.monitors.size(); ++i) {
      const int function = state.declarations->spec.monitors[i].judge;
      if (function >= 0) judge_in(*state.declarations, function, LabelSet(), {}, Instant{});
    }
    if (state.host->in_call() || lua_gettop(state.host->state()) != 0) std::abort();
  }
  if (Ref::alive() != 0) std::abort();
  return 0;
}
