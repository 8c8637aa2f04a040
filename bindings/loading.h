// Loading a pack into a Lua state, shared by the engine, its tests and the simulator.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bindings/declarations.h"

namespace tidewatch {

struct LoadedState {
  std::unique_ptr<Host> host;
  std::unique_ptr<Declarations> declarations;

  LoadedState() = default;
  LoadedState(LoadedState&&) = default;
  LoadedState& operator=(LoadedState&&) = default;
  // References into Lua go before the state they refer to.
  ~LoadedState() {
    declarations.reset();
    host.reset();
  }
};

// live: CPU time and 32 MiB. counted: hook hits and 32 MiB, for checks and backtests. test: hook hits and 64 MiB.
enum class StateUse { live, counted, test };

// A state with the API defined and no script run yet. An error is a Problem in `problems` and a null host.
LoadedState open_state(const std::string& folder, StateUse use, std::vector<Problem>& problems);

// Runs folder/file in the load context; a script error becomes a Problem of the state.
bool run_script(LoadedState& state, const std::string& file);

// What can be said only when everything is declared: baselines that nothing declares, handles nothing reads, and the
// engine's own checks of every handle.
void check_whole(Declarations& declarations);

void add_failure(Declarations& declarations, const Outcome& outcome);

// A pack's functions called in its state: one per batch row for a `where`, one per label set for a `when`.
Judgement judge_in(Declarations& declarations, int function, const LabelSet& labels,
                   std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now);
bool test_in(Declarations& declarations, int function, const Batch& batch, std::vector<std::uint8_t>& out,
             std::string& reason);

}  // namespace tidewatch
