// What a Host holds, for the files of bindings/ that make up the host itself. Bindings of the API use host.h alone.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bindings/allocator.h"
#include "bindings/budget.h"
#include "bindings/host.h"
#include "bindings/lua_compat.h"

namespace tidewatch {

inline constexpr std::size_t max_output_lines = 100;
inline constexpr std::size_t max_output_bytes = 64u << 10;
inline constexpr std::size_t max_source_bytes = 1u << 20;

struct Host::State {
  explicit State(const HostOptions& wanted)
      : options(wanted), allocator(wanted.memory_cap, wanted.block_cap), budget(wanted.count_budgets) {}
  ~State();

  HostOptions options;
  Allocator allocator;
  Budget budget;
  lua_State* lua = nullptr;
  lua_State* running = nullptr;  // the coroutine that executes now; 5.4 has a hook for each
  bool soft_cap = false;  // the engine refused our allocator (LuaJIT on aarch64): the cap is only read, never enforced
  Host* host = nullptr;

  int environment = LUA_NOREF;  // what scripts see as their globals: an empty, guarded table
  int globals = LUA_NOREF;      // the table behind it
  int late_guard = LUA_NOREF;   // metatable of tables that serve as metatables and have none
  int handler = LUA_NOREF;      // the message handler of every protected call
  int marker = 0;               // its address marks the metatables of guarded tables
  std::vector<std::string> names;

  std::array<char, 4096> stack_text{};  // the pack's frames at the last error or kill, without touching Lua memory
  std::array<char, 256> place_text{};   // "vix-spx/pack.lua:41" of the innermost of them

  std::function<Result<std::string>(const std::string&)> find_library;
  std::vector<std::pair<std::string, std::string>> sources;

  std::vector<std::string> output;
  std::size_t output_lines = 0, output_bytes = 0, dropped_lines = 0, dropped_bytes = 0;
  void emit(std::string line);
  void close_output();

  std::uint64_t random_state = 1;

  HostCounters counters;
  int patience = 1;
  std::size_t settled_bytes = 0;                      // after the last whole collection between calls
  std::map<const CallUnit*, std::int64_t> said_half;  // Unix seconds of the last log line
  void count(Context context, const CallUnit* unit, Outcome::Kind kind, Duration used, Duration allowance);

  const CallUnit* own_unit = nullptr;  // for calls that name none

  static State& of(lua_State* state);

  // Writes the pack's frames of `state` to stack_text and place_text.
  void note_stack(lua_State* state);
  Outcome load(const std::string& text, const std::string& name);
  void forget_running();     // a dead coroutine's stack may hold all the memory there is
  Outcome recover(int top);  // after a memory error: lift, settop, collect, re-cap
  Result<std::string> read_source(const std::string& file);
};

// prelude.cc: the part of the sandbox that is Lua, so that yields cross and budgets count.
extern const char* const prelude_text;

// sandbox.cc: builds the environment; runs inside a protected call with the cap lifted.
void open_sandbox(lua_State* state, Host::State& host);
// Replaces the table on top by an empty one that reads through to it and refuses writes, naming it `name`.
void guard_table(lua_State* state, const std::string& name);

// luaL_error with the place of the pack's line, also when the prelude stands in between.
int raise_error(lua_State* state, const char* format, ...);

// The C halves of the offered libraries; each leaves one table of functions on the stack.
void push_string_functions(lua_State* state);
void push_pattern_functions(lua_State* state);
void push_math_functions(lua_State* state);
void push_table_functions(lua_State* state);
void push_base_functions(lua_State* state);
int require_load(lua_State* state);  // require.cc: name -> chunk, the key it is cached under

}  // namespace tidewatch
