// The hook and the clocks. CLOCK_THREAD_CPUTIME_ID costs about 250 ns and CLOCK_MONOTONIC 20, so the hook reads the
// second and asks the first only once wall time has passed the allowance.
#include "bindings/budget.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <limits>

#include "bindings/host_state.h"

namespace tidewatch {
namespace {

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// Marks the call as killed, keeps where it was, and raises. Light userdata, because making a string may fail.
[[noreturn]] void kill(lua_State* state, Host::State& host) {
  if (!host.budget.killed()) {
    host.budget.kill();
    host.note_stack(state);
  }
  lua_sethook(state, budget_hook, LUA_MASKCOUNT, 1);
  lua_pushlightuserdata(state, &host.budget);
  lua_error(state);
  std::abort();
}

}  // namespace

void Budget::enter(Context context, Duration allowance) {
  Entry entry;
  entry.context = context;
  entry.allowance = allowance;
  entry.resumes = resumes;
  entry.callbacks = callbacks;
  if (counted_) {
    entry.limit = std::max<std::int64_t>(1, allowance.ns * hits_per_ms / 1'000'000);
    if (!entries_.empty())
      entry.limit = std::min(entry.limit, std::max<std::int64_t>(0, entries_.back().limit - entries_.back().hits));
  } else {
    entry.wall_start = read_clock(CLOCK_MONOTONIC);
    entry.cpu_start = read_clock(CLOCK_THREAD_CPUTIME_ID);
    if (!entries_.empty()) {
      const Entry& outer = entries_.back();
      const std::int64_t left = outer.allowance.ns - (entry.cpu_start - outer.cpu_start);
      entry.allowance.ns = std::min(entry.allowance.ns, std::max<std::int64_t>(0, left));
    }
  }
  entries_.push_back(entry);
}

Duration Budget::used() const {
  if (entries_.empty()) return Duration{0};
  const Entry& call = entries_.back();
  if (counted_) return Duration{call.hits * 1'000'000 / hits_per_ms};
  const std::int64_t wall = read_clock(CLOCK_MONOTONIC) - call.wall_start;
  if (wall < 100'000) return Duration{wall};
  return Duration{read_clock(CLOCK_THREAD_CPUTIME_ID) - call.cpu_start};
}

void Budget::leave() {
  const Entry inner = entries_.back();
  entries_.pop_back();
  resumes = inner.resumes;
  callbacks = inner.callbacks;
  if (!entries_.empty()) {
    entries_.back().hits += inner.hits;
    entries_.back().debt += inner.debt;
  }
}

bool Budget::spend(std::int64_t hits) {
  if (entries_.empty()) return false;
  Entry& call = entries_.back();
  if (call.killed) return true;
  if (counted_) {
    call.hits += hits;
    return call.hits > call.limit;
  }
  if (read_clock(CLOCK_MONOTONIC) - call.wall_start <= call.allowance.ns) return false;
  return read_clock(CLOCK_THREAD_CPUTIME_ID) - call.cpu_start > call.allowance.ns;
}

bool Budget::charge(std::int64_t instructions) {
  if (entries_.empty()) return false;
  Entry& call = entries_.back();
  call.debt += std::min(instructions, std::numeric_limits<std::int64_t>::max() / 2);
  if (call.debt < hook_interval) return call.killed;
  const std::int64_t hits = call.debt / hook_interval;
  call.debt %= hook_interval;
  return spend(hits);
}

void budget_hook(lua_State* state, lua_Debug*) {
  Host::State& host = Host::State::of(state);
  if (host.allocator.wants_collection(0)) make_room(state, 0);
  if (host.budget.spend(1)) kill(state, host);
  // A poke that came too early, or met a coroutine that yielded before it was heard.
  if (lua_gethookcount(state) != hook_interval) lua_sethook(state, budget_hook, LUA_MASKCOUNT, hook_interval);
}

void charge(lua_State* state, std::int64_t instructions) {
  Host::State& host = Host::State::of(state);
  if (host.budget.charge(instructions)) kill(state, host);
}

// Inside the allocator nothing may raise: the hook is asked to, at the next instruction of the running coroutine.
void charge_block(void* owner, std::size_t bytes) {
  auto* host = static_cast<Host::State*>(owner);
  if (host == nullptr || host->lua == nullptr || host->running == nullptr || host->budget.killed()) return;
  if (host->budget.charge(static_cast<std::int64_t>(bytes / 16)))
    lua_sethook(host->running, budget_hook, LUA_MASKCOUNT, 1);
}

void settle_or_raise(lua_State* state) {
  Host::State& host = Host::State::of(state);
  if (host.budget.killed()) kill(state, host);
  if (host.allocator.oom() && host.budget.in_call()) {
    lua_pushlightuserdata(state, &host.allocator);
    lua_error(state);
  }
}

void make_room(lua_State* state, std::size_t bytes) {
  Host::State& host = Host::State::of(state);
  if (!host.allocator.wants_collection(bytes)) return;
  lua_gc(state, LUA_GCCOLLECT, 0);
  host.allocator.collected();
}

}  // namespace tidewatch
