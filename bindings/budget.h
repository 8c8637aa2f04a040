// CPU budgets of calls into Lua, and the kill. A hook every 10 000 instructions (20 to 35 us; any count from 100 to
// 100 000 costs the same) asks whether the innermost call has spent its budget; C functions whose work grows with
// their input charge it as if it were instructions. Once spent, the hook fires at every instruction and raises again
// and again, and `settle` raises behind every pcall, so no script code runs on. Slicing work by time was turned down
// for counted runs: tests and backtests count hook hits, 1 ms = 40, and repeat on any machine.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "bindings/host.h"

struct lua_State;
struct lua_Debug;

namespace tidewatch {

inline constexpr int hook_interval = 10000;      // instructions
inline constexpr std::int64_t hits_per_ms = 40;  // of a counted budget
inline constexpr int max_depth = 64;             // nested resumes, and nested callbacks out of C

class Budget {
 public:
  explicit Budget(bool counted) : counted_(counted) {}

  // Opens a call; a nested one inherits what is left of the outer. `leave` closes the innermost.
  void enter(Context context, Duration allowance);
  void leave();
  bool in_call() const { return !entries_.empty(); }
  std::size_t nesting() const { return entries_.size(); }
  Context context() const { return entries_.empty() ? Context::load : entries_.back().context; }

  // One hook hit, or `hits` of charged work. True when the innermost call has spent its budget.
  bool spend(std::int64_t hits);
  // Charged work in instructions; true once it has grown to hook hits that spend the budget.
  bool charge(std::int64_t instructions);

  bool killed() const { return !entries_.empty() && entries_.back().killed; }
  void kill() {
    if (!entries_.empty()) entries_.back().killed = true;
  }
  Duration allowance() const { return entries_.empty() ? Duration{0} : entries_.back().allowance; }
  bool is_counted() const { return counted_; }
  // Of the innermost call, in ns of CLOCK_MONOTONIC and of the thread's CPU clock.
  std::int64_t wall_start() const { return entries_.back().wall_start; }
  std::int64_t cpu_start() const { return entries_.back().cpu_start; }
  // CPU time of the innermost call so far (counted: hook hits as time). A short call's wall time stands in for it.
  Duration used() const;

  // Depth of nested resumes and of callbacks that C code makes; of the innermost call.
  int resumes = 0;
  int callbacks = 0;

 private:
  struct Entry {
    Context context = Context::load;
    Duration allowance{0};
    std::int64_t wall_start = 0, cpu_start = 0;  // ns
    std::int64_t hits = 0, limit = 0;            // counted budgets
    std::int64_t debt = 0;                       // charged instructions short of a hit
    int resumes = 0, callbacks = 0;              // of the outer call, restored by leave
    bool killed = false;
  };
  bool counted_;
  std::vector<Entry> entries_;
};

// The count hook of every state (lua_Hook).
void budget_hook(lua_State* state, lua_Debug* record);

// Charges `instructions` to the running call and kills it when that spends the budget; does not return then.
void charge(lua_State* state, std::int64_t instructions);

// Raises again while the running call is killed or out of memory; called behind everything that catches.
void settle_or_raise(lua_State* state);

// Collects in full when `bytes` more would come near the cap (LuaJIT does not before it fails).
void make_room(lua_State* state, std::size_t bytes);

}  // namespace tidewatch
