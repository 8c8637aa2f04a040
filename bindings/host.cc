// The one place where Lua is entered protected. Everything around a call is restored whatever happened in it: the
// stack, the hook, the flags, the depth counters and the memory cap.
#include "bindings/host.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "bindings/host_state.h"
#include "bindings/stall_watch.h"
#include "bindings/syntax_guard.h"

namespace tidewatch {
namespace {

constexpr std::array<std::pair<std::string_view, Duration>, 7> contexts{{
    {"load", seconds(2)},
    {"predicate", milliseconds(10)},
    {"monitor", milliseconds(50)},
    {"report", milliseconds(500)},
    {"runbook", milliseconds(100)},
    {"prompt", seconds(5)},
    {"test", seconds(10)},
}};

// The message handler: keeps the pack's frames before the stack unwinds. A killed call has kept them already.
int keep_stack(lua_State* state) {
  Host::State& host = Host::State::of(state);
  if (!host.budget.killed()) host.note_stack(state);
  return 1;
}

int set_up(lua_State* state) {
  auto& host = *static_cast<Host::State*>(lua_touserdata(state, 1));
  lua_settop(state, 0);
  lua_pushcfunction(state, keep_stack);
  host.handler = luaL_ref(state, LUA_REGISTRYINDEX);
  open_sandbox(state, host);
  return 0;
}

std::string megabytes(std::size_t bytes) {
  if (bytes % (1u << 20) == 0) return std::to_string(bytes >> 20) + " MiB";
  return std::to_string(bytes >> 10) + " KiB";
}

const char registry_key = 0;

// Frames looked at for a traceback: finding the n-th walks n, and a runaway recursion has a hundred thousand.
constexpr int max_frames = 500;

// Calls into a script from a binding that a script called; each takes C stack.
constexpr std::size_t max_nesting = 16;

}  // namespace

std::string_view name_of(Context context) { return contexts[static_cast<std::size_t>(context)].first; }
Duration default_budget(Context context) { return contexts[static_cast<std::size_t>(context)].second; }

Host::State::~State() {
  if (lua != nullptr) lua_close(lua);
}

Host::State& Host::State::of(lua_State* state) {
  void* self = nullptr;
  if (lua_getallocf(state, &self) == Allocator::allocate)
    return *static_cast<State*>(static_cast<Allocator*>(self)->owner);
  lua_pushlightuserdata(state, const_cast<char*>(&registry_key));
  lua_rawget(state, LUA_REGISTRYINDEX);
  auto* found = static_cast<State*>(lua_touserdata(state, -1));
  lua_pop(state, 1);
  return *found;
}

void Host::State::note_stack(lua_State* state) {
  stack_text[0] = place_text[0] = 0;
  std::size_t at = 0;
  lua_Debug frame;
  for (int level = 0; level < max_frames && lua_getstack(state, level, &frame) != 0; ++level) {
    if (lua_getinfo(state, "Sln", &frame) == 0 || frame.source[0] != '@') continue;
    if (place_text[0] == 0)
      std::snprintf(place_text.data(), place_text.size(), "%s:%d", frame.short_src, frame.currentline);
    const int wrote = std::snprintf(stack_text.data() + at, stack_text.size() - at, "%s  %s:%d: in %s",
                                    at == 0 ? "" : "\n", frame.short_src, frame.currentline,
                                    frame.name != nullptr ? frame.name
                                    : *frame.what == 'm'  ? "the file"
                                                          : "a function");
    if (wrote < 0 || at + static_cast<std::size_t>(wrote) >= stack_text.size()) {
      stack_text[at] = 0;
      return;
    }
    at += static_cast<std::size_t>(wrote);
  }
}

void Host::State::emit(std::string line) {
  if (output_lines >= max_output_lines || output_bytes + line.size() > max_output_bytes) {
    ++dropped_lines;
    dropped_bytes += line.size();
    return;
  }
  ++output_lines;
  output_bytes += line.size();
  output.push_back(std::move(line));
}

void Host::State::close_output() {
  if (dropped_lines > 0)
    output.push_back("print: dropped " + std::to_string(dropped_lines) + " more lines (" +
                     std::to_string(dropped_bytes) + " bytes); a call keeps at most 100 lines or 64 KiB");
  counters.dropped_output_bytes += dropped_bytes;
  output_lines = output_bytes = dropped_lines = dropped_bytes = 0;
}

// Half a budget is worth a word before it becomes a whole one: once a day for each unit.
void Host::State::count(Context context, const CallUnit* unit, Outcome::Kind kind, Duration used, Duration allowance) {
  ContextCounters& c = counters.by_context[static_cast<std::size_t>(context)];
  ++c.calls[static_cast<std::size_t>(kind)];
  c.cpu = c.cpu + used;
  if (used.ns > allowance.ns + 250'000'000) ++counters.stalls;
  if (used.ns <= allowance.ns / 2) return;
  ++counters.half_budget;
  if (kind != Outcome::Kind::ok || options.count_budgets || patience > 1) return;
  if (unit == nullptr) unit = own_unit;
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  std::int64_t& said = said_half[unit];
  if (unit == nullptr || now.tv_sec - said < 86'400) return;
  said = now.tv_sec;
  log::warning("script_half_budget", {{"pack", unit->pack},
                                      {"unit", unit->unit},
                                      {"context", std::string(name_of(context))},
                                      {"cpu_ms", std::to_string(used.ns / 1'000'000)},
                                      {"budget_ms", std::to_string(allowance.ns / 1'000'000)}});
}

void Host::State::forget_running() {
#ifndef TIDEWATCH_LUAJIT
  const Uncapped lifted(allocator);
  lua_pushlightuserdata(lua, &running);
  lua_pushnil(lua);
  lua_rawset(lua, LUA_REGISTRYINDEX);
#endif
}

Outcome Host::State::recover(int top) {
  Uncapped lifted(allocator);
  lua_settop(lua, top);
  lua_gc(lua, LUA_GCCOLLECT, 0);
  allocator.collected();
  allocator.clear_oom();
  return {Outcome::Kind::memory,
          options.chunk_prefix + ": out of memory: a pack may hold " + megabytes(options.memory_cap) +
              ", and any one block " + megabytes(options.block_cap),
          stack_text.data()};
}

Result<std::unique_ptr<Host>> Host::create(const HostOptions& options) {
  auto state = std::make_unique<State>(options);
  state->allocator.owner = state.get();
  state->random_state = options.seed;
  const Uncapped lifted(state->allocator);
  lua_State* lua = lua_newstate(Allocator::allocate, &state->allocator);
  if (lua == nullptr) {
    lua = luaL_newstate();
    state->soft_cap = true;
  }
  if (lua == nullptr) return Error{ErrorCode::full, "opening a Lua state: the system has no memory for it"};
  state->lua = lua;
  lua_pushlightuserdata(lua, const_cast<char*>(&registry_key));
  lua_pushlightuserdata(lua, state.get());
  lua_rawset(lua, LUA_REGISTRYINDEX);
#ifdef TIDEWATCH_LUAJIT
  luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
#endif
  lua_pushcfunction(lua, set_up);
  lua_pushlightuserdata(lua, state.get());
  if (lua_pcall(lua, 1, 0, 0) != 0) {
    const char* text = lua_tostring(lua, -1);
    return Error{ErrorCode::internal, std::string("opening the sandbox: ") + (text != nullptr ? text : "no message")};
  }
  lua_gc(lua, LUA_GCCOLLECT, 0);
  // Tests run everything a second time with a collector that never rests, to meet what is not anchored.
  static const bool is_tortured = std::getenv("TIDEWATCH_GC_TORTURE") != nullptr;
  lua_gc(lua, LUA_GCSETPAUSE, is_tortured ? 0 : 150);
  lua_gc(lua, LUA_GCSETSTEPMUL, is_tortured ? 10'000 : 400);
  // Set before any coroutine exists and never cleared: on 5.4 a coroutine inherits the hook it was born under.
  lua_sethook(lua, budget_hook, LUA_MASKCOUNT, hook_interval);
  auto* raw = state.get();
  std::unique_ptr<Host> host(new Host(std::move(state)));
  raw->host = host.get();
  return host;
}

Host::Host(std::unique_ptr<State> state) : state_(std::move(state)) {}
Host::~Host() = default;

lua_State* Host::state() const { return state_->lua; }
Host& Host::of(lua_State* state) { return *State::of(state).host; }

Outcome Host::call(Context context, int arguments, int results, Duration budget, const CallUnit* unit) {
  State& s = *state_;
  lua_State* lua = s.lua;
  const int base = lua_gettop(lua) - arguments - 1;  // what stays on the stack when the call fails
  const bool outermost = !s.budget.in_call();
  if (outermost) s.close_output();
  if (s.budget.nesting() >= max_nesting) {
    lua_settop(lua, base);
    return {Outcome::Kind::error,
            s.options.chunk_prefix + ": calls of the engine into the pack are nested deeper than " +
                std::to_string(max_nesting),
            {}};
  }
  int status = 0;
  {
    const Uncapped lifted(s.allocator);
    lua_checkstack(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, s.handler);
    lua_insert(lua, base + 1);
  }
  s.stack_text[0] = s.place_text[0] = 0;
  s.budget.enter(context, Duration{(budget.ns > 0 ? budget : default_budget(context)).ns * s.patience});
  s.budget.resumes = s.budget.callbacks = 0;
  lua_State* const running_before = std::exchange(s.running, lua);
  StallWatch* const watch = s.options.count_budgets ? nullptr : StallWatch::of_this_thread();
  StallWatch::Published outer;
  if (watch != nullptr) {
    if (unit == nullptr && s.own_unit == nullptr) s.own_unit = call_unit(s.options.chunk_prefix, name_of(context));
    const std::int64_t allowed = s.budget.allowance().ns, cpu = s.budget.cpu_start();
    outer = watch->enter(
        {unit != nullptr ? unit : s.own_unit, &s, context, s.budget.wall_start() + allowed, cpu, cpu + allowed});
  }
  status = lua_pcall(lua, arguments, results, base + 1);
  if (watch != nullptr) watch->leave(outer);
  s.running = running_before;
  if (outermost) s.forget_running();
  const bool killed = s.budget.killed();
  const Duration allowance = s.budget.allowance(), used = s.budget.used();
  s.budget.leave();
  // A poke may have come when nothing was left to stop.
  if (lua_gethookcount(lua) != hook_interval) lua_sethook(lua, budget_hook, LUA_MASKCOUNT, hook_interval);
  if (outermost) s.close_output();
  if (outermost)
    s.count(context, unit,
            killed                                      ? Outcome::Kind::budget
            : status == LUA_ERRMEM || s.allocator.oom() ? Outcome::Kind::memory
            : status != 0                               ? Outcome::Kind::error
                                                        : Outcome::Kind::ok,
            used, allowance);

  if (killed) {
    lua_settop(lua, base);
    if (s.allocator.oom()) s.recover(base);
    std::string text = s.place_text[0] != 0 ? s.place_text.data() : s.options.chunk_prefix;
    text += ": stopped: a " + std::string(name_of(context)) + " call may use " + format_duration(allowance) +
            " of CPU time";
    return {Outcome::Kind::budget, std::move(text), s.stack_text.data(), used};
  }
  if (status == LUA_ERRMEM || s.allocator.oom()) {
    Outcome failed = s.recover(base);
    failed.used = used;
    return failed;
  }
  if (status != 0) {
    Outcome failed{Outcome::Kind::error, {}, s.stack_text.data(), used};
    if (lua_type(lua, -1) == LUA_TSTRING)
      failed.message = text_at(lua, -1);
    else
      failed.message = (s.place_text[0] != 0 ? std::string(s.place_text.data()) + ": " : std::string()) +
                       "error value: " + lua_typename(lua, lua_type(lua, -1));
    lua_settop(lua, base);
    return failed;
  }
  lua_remove(lua, base + 1);
  Outcome good;
  good.used = used;
  return good;
}

Outcome Host::State::load(const std::string& text, const std::string& name) {
  const int top = lua_gettop(lua);
  if (text.size() > max_source_bytes)
    return {Outcome::Kind::error,
            name + ": a Lua file may be at most 1 MiB, got " + std::to_string(text.size()) + " bytes",
            {}};
  if (auto refusal = check_syntax(text)) {
    return {Outcome::Kind::error, name + ":" + std::to_string(refusal->line) + ": " + refusal->text, {}};
  }
  const std::string chunk = "@" + name;
  const int status = luaL_loadbufferx(lua, text.data(), text.size(), chunk.c_str(), "t");
  if (status == LUA_ERRMEM || allocator.oom()) return recover(top);
  if (status != 0) {
    std::string message(text_at(lua, -1));
    if (message.find("'for'") != std::string::npos) message += " (`for` is a Lua word; write :lasting)";
    lua_settop(lua, top);
    return {Outcome::Kind::error, std::move(message), {}};
  }
  const Uncapped lifted(allocator);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, environment);
  compat_setenv(lua);
  return {};
}

Outcome Host::load_text(const std::string& text, const std::string& name) {
  const auto known = std::make_pair(name, text);
  if (std::find(state_->sources.begin(), state_->sources.end(), known) == state_->sources.end())
    state_->sources.push_back(known);
  return state_->load(text, name);
}

Outcome Host::run_text(Context context, const std::string& text, const std::string& name) {
  Outcome loaded = load_text(text, name);
  return loaded.ok() ? call(context, 0, 0) : loaded;
}

Outcome Host::run_file(Context context, const std::string& file) {
  auto text = state_->read_source(file);
  if (!text) return {Outcome::Kind::error, text.error().text, {}};
  return run_text(context, *text, state_->options.chunk_prefix + "/" + file);
}

Context Host::context() const { return state_->budget.context(); }
bool Host::in_call() const { return state_->budget.in_call(); }

void Host::define(const std::string& name) {
  State& s = *state_;
  const Uncapped lifted(s.allocator);
  lua_checkstack(s.lua, 8);
  if (lua_istable(s.lua, -1)) {
    if (lua_getmetatable(s.lua, -1) == 0)
      guard_table(s.lua, name);
    else
      lua_pop(s.lua, 1);
  }
  lua_rawgeti(s.lua, LUA_REGISTRYINDEX, s.globals);
  push_text(s.lua, name);
  lua_pushvalue(s.lua, -3);
  lua_rawset(s.lua, -3);
  lua_pop(s.lua, 2);
  if (std::find(s.names.begin(), s.names.end(), name) == s.names.end()) s.names.push_back(name);
}

std::vector<std::string> Host::defined_names() const {
  std::vector<std::string> names = state_->names;
  std::sort(names.begin(), names.end());
  return names;
}

void Host::set_library(std::function<Result<std::string>(const std::string& name)> find) {
  state_->find_library = std::move(find);
}

std::vector<std::string> Host::take_output() {
  if (!state_->budget.in_call()) state_->close_output();
  return std::exchange(state_->output, {});
}

void Host::untouched(void (*work)(lua_State*)) {
  const Uncapped lifted(state_->allocator);
  lua_checkstack(state_->lua, 16);
  work(state_->lua);
}

const HostCounters& Host::counters() const { return state_->counters; }
void Host::set_patient(bool is_patient) { state_->patience = is_patient ? 10 : 1; }

Duration Host::collect(Duration most) {
  State& s = *state_;
  // Nothing worth freeing has been made since the last whole collection.
  if (s.budget.in_call() || memory_bytes() < s.settled_bytes + (64u << 10)) return {};
  const Uncapped lifted(s.allocator);
  const auto now = [] {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return static_cast<std::int64_t>(at.tv_sec) * 1'000'000'000 + at.tv_nsec;
  };
  const std::int64_t start = now();
  std::int64_t at = start;
  while (at - start < most.ns) {
    if (lua_gc(s.lua, LUA_GCSTEP, 64) != 0) {
      s.settled_bytes = memory_bytes();
      break;
    }
    at = now();
  }
  const Duration took{now() - start};
  s.counters.collecting = s.counters.collecting + took;
  return took;
}

std::size_t Host::memory_bytes() const {
  if (!state_->soft_cap) return state_->allocator.used();
  return static_cast<std::size_t>(lua_gc(state_->lua, LUA_GCCOUNT, 0)) * 1024;
}
std::size_t Host::memory_limit() const { return state_->options.memory_cap; }
std::size_t Host::memory_peak() const { return std::max(state_->allocator.peak(), memory_bytes()); }

const std::vector<std::pair<std::string, std::string>>& Host::sources() const { return state_->sources; }

}  // namespace tidewatch
