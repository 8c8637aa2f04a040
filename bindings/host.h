// One Lua state under budgets. The only files that call lua_pcall or lua_resume are host.cc (and, later, task.cc).
// Everything a script can do wrong ends here as an Outcome; nothing here knows what a monitor is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

struct lua_State;

namespace tidewatch {

struct CallUnit;

enum class Context : std::uint8_t { load, predicate, monitor, report, runbook, prompt, test };
std::string_view name_of(Context context);
Duration default_budget(Context context);  // CPU time of one outermost call

struct Outcome {
  enum class Kind : std::uint8_t { ok, error, budget, memory } kind = Kind::ok;
  std::string message;    // "vix-spx/pack.lua:41: attempt to ..." ; empty when ok
  std::string traceback;  // the pack's frames only
  Duration used{0};       // CPU time; of counted budgets, hook hits as time
  bool ok() const { return kind == Kind::ok; }
};

// What calls of one context came to, since the host was made.
struct ContextCounters {
  std::uint64_t calls[4] = {};  // by Outcome::Kind
  Duration cpu{0};
};

struct HostCounters {
  ContextCounters by_context[7];  // by Context; outermost calls
  std::uint64_t half_budget = 0;  // calls that used more than half of it
  std::uint64_t stalls = 0;       // calls 250 ms over it
  std::uint64_t dropped_output_bytes = 0;
  Duration collecting{0};
};

struct HostOptions {
  std::string chunk_prefix;  // how people name the pack: "vix-spx" -> "vix-spx/pack.lua:12"
  std::string folder;        // `require "x"` reads folder/x.lua; never outside it
  std::size_t memory_cap = 32u << 20;
  std::size_t block_cap = 8u << 20;
  bool count_budgets = false;  // tests and backtests: 1 ms of budget = 40 hook hits, same on every machine
  std::uint64_t seed = 1;      // math.random
};

class Host {
 public:
  static Result<std::unique_ptr<Host>> create(const HostOptions& options);
  ~Host();

  lua_State* state() const;

  // Calls the function and `arguments` on top of the stack, protected and under the context's budget (or `budget`).
  // On ok `results` values are on the stack; otherwise none, and all effects of hooks and flags are restored. Nested
  // calls inherit what is left of the outer budget.
  // `unit` is the declared thing it is called for, as StallWatch names it; null = the pack.
  Outcome call(Context context, int arguments, int results, Duration budget = Duration{0},
               const CallUnit* unit = nullptr);
  // Compiles `folder`/`file` (text only, at most 1 MiB, Lua 5.1 syntax that both engines read) and runs it in
  // `context`.
  Outcome run_file(Context context, const std::string& file);
  // The same for text; `name` is what messages call it.
  Outcome run_text(Context context, const std::string& text, const std::string& name);
  // Compiles without running; leaves the function on the stack when ok.
  Outcome load_text(const std::string& text, const std::string& name);

  Context context() const;  // of the innermost call; load outside any
  bool in_call() const;
  // Defines a global the script may read (the value on top of the stack, popped). Scripts cannot replace it.
  void define(const std::string& name);
  std::vector<std::string> defined_names() const;
  // `require "tidewatch.x"` and "runbooks.x" ask here; nullopt text = not found.
  void set_library(std::function<Result<std::string>(const std::string& name)> find);

  std::vector<std::string>
  take_output();  // print(), at most 100 lines or 64 KiB a call, then one line saying how much was dropped
  // Lets the engine's own code touch the state between calls, where a refused allocation would end the process.
  void untouched(void (*work)(lua_State*));
  const HostCounters& counters() const;
  // Logged inputs are applied again: budgets are ten times as long, so that what ended in time once does so again.
  void set_patient(bool is_patient);
  // A step of the collector, for at most about `most`; how long it took.
  Duration collect(Duration most);
  std::size_t memory_bytes() const;
  std::size_t memory_peak() const;
  std::size_t memory_limit() const;
  // Every Lua file read through this host: name -> text, for hashes and for messages with the source line.
  const std::vector<std::pair<std::string, std::string>>& sources() const;

  static Host& of(lua_State* state);

  struct State;

 private:
  explicit Host(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
