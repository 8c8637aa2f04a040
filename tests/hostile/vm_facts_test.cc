// The facts about the engines that the host is built on, on raw states with no host around them: a naive hook every
// 10 000 instructions and a budget of 20 ms of CPU time. Each in a child that is ended after some seconds of CPU time,
// because hanging is what half of them do. When one of these changes with a new engine, the answer in bindings/ may no
// longer be needed or no longer be enough; the message names which. Numbered as in the design of the Lua host.
#include <alloca.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>

#include "bindings/lua_compat.h"

namespace {

enum class End { done = 0, failed = 1, hangs = 2, signal = 3 };

struct Seen {
  End end = End::done;
  int code = 0;       // exit code
  double cpu_ms = 0;  // of the child
};

constexpr bool is_luajit =
#ifdef TIDEWATCH_LUAJIT
    true;
#else
    false;
#endif

double budget_ms = 20;

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double started = 0;
void naive_hook(lua_State* state, lua_Debug*) {
  if (cpu_ms() - started > budget_ms) luaL_error(state, "budget");
}
void yielding_hook(lua_State* state, lua_Debug*) { lua_yield(state, 0); }

lua_State* running = nullptr;
void poke(int) { lua_sethook(running, naive_hook, LUA_MASKCOUNT, 1); }

// The poke of the design, by a timer of the process's CPU time.
void poke_every(int milliseconds) {
  struct sigaction action {};
  action.sa_handler = poke;
  sigaction(SIGPROF, &action, nullptr);
  const itimerval each{{0, milliseconds * 1000}, {0, milliseconds * 1000}};
  setitimer(ITIMER_PROF, &each, nullptr);
}

lua_State* open_state(bool jit = false) {
  lua_State* state = luaL_newstate();
  luaL_openlibs(state);
#ifdef TIDEWATCH_LUAJIT
  luaJIT_setmode(state, 0, LUAJIT_MODE_ENGINE | (jit ? LUAJIT_MODE_ON : LUAJIT_MODE_OFF));
#endif
  (void)jit;
  running = state;
  return state;
}

End run_under_hook(lua_State* state, const char* code) {
  if (luaL_loadstring(state, code) != 0) return End::signal;
  lua_sethook(state, naive_hook, LUA_MASKCOUNT, 10000);
  started = cpu_ms();
  return lua_pcall(state, 0, 0, 0) == 0 ? End::done : End::failed;
}

// What becomes of a child that does `work`; it hangs when `seconds` of CPU time are not enough.
Seen in_child(const std::function<int()>& work, int seconds = 4) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS}) std::signal(signal, SIG_DFL);
    const rlimit none{0, 0}, patience{static_cast<rlim_t>(seconds), static_cast<rlim_t>(seconds) + 1};
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_CPU, &patience);
    alarm(60);
    // Nothing may leave the child: an exception in it would run the rest of the tests twice.
    [&]() noexcept { _exit(work()); }();
  }
  int status = 0;
  rusage used{};
  wait4(child, &status, 0, &used);
  Seen seen;
  const auto ms = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3;
  };
  seen.cpu_ms = ms(used.ru_utime) + ms(used.ru_stime);
  if (WIFEXITED(status)) {
    seen.code = WEXITSTATUS(status);
    seen.end = seen.code <= 1 ? static_cast<End>(seen.code) : End::signal;
  } else {
    const int signal = WTERMSIG(status);
    seen.end = signal == SIGXCPU || signal == SIGKILL || signal == SIGALRM ? End::hangs : End::signal;
  }
  return seen;
}

Seen run(const char* code, int seconds = 4) {
  return in_child([=] { return static_cast<int>(run_under_hook(open_state(), code)); }, seconds);
}
// A working kill takes 20 ms; a second of CPU time is hanging.
bool hangs(const char* code) { return run(code, 1).end == End::hangs; }

int unwound = 0;
struct Witness {
  ~Witness() { ++unwound; }
};
int raise_over_witness(lua_State* state) {
  const Witness witness;
  return luaL_error(state, "raised");
}
int throw_text(lua_State*) { throw std::runtime_error("text"); }

std::size_t used = 0;
void* capped(void*, void* block, std::size_t old_size, std::size_t new_size) {
  if (block == nullptr) old_size = 0;
  if (new_size > old_size && used + new_size - old_size > (32u << 20)) return nullptr;
  used = used - old_size + new_size;
  if (new_size == 0) {
    free(block);
    return nullptr;
  }
  return realloc(block, new_size);
}

}  // namespace

TEST_CASE("fact 1: with the JIT off a hook and a hook set from a signal stop a loop; with it on they do not") {
  CHECK(run("while true do end").end == End::failed);
  const auto by_signal = [](bool jit) {
    return in_child(
        [=] {
          lua_State* state = open_state(jit);
          luaL_loadstring(state, "while true do end");
          started = cpu_ms();
          poke_every(30);
          return lua_pcall(state, 0, 0, 0) == 0 ? 0 : 1;
        },
        1);
  };
  CHECK(by_signal(false).end == End::failed);
#ifdef TIDEWATCH_LUAJIT
  CHECK(by_signal(true).end == End::hangs);
  CHECK(in_child([] { return static_cast<int>(run_under_hook(open_state(true), "while true do end")); }, 1).end ==
        End::hangs);
#endif
}

TEST_CASE("fact 2: a naive kill is caught for ever, so the host settles behind every pcall") {
  CHECK(hangs("while true do pcall(function() while true do end end) end"));
}

TEST_CASE("fact 3: a looping handler of xpcall hangs, so the host runs handlers after unwinding") {
  CHECK(hangs("local function f() while true do end end xpcall(f, f)"));
}

TEST_CASE("fact 4: a looping finalizer hangs, so none can be made") {
#ifdef TIDEWATCH_LUAJIT
  CHECK(hangs("getmetatable(newproxy(true)).__gc = function() while true do end end collectgarbage()"));
#else
  CHECK(hangs("setmetatable({}, { __gc = function() while true do end end }) collectgarbage()"));
#endif
}

TEST_CASE("fact 5: a pattern or a plain search is one C call that no hook stops, so the host has its own") {
  CHECK(hangs("return (('a'):rep(40):find(('a?'):rep(26)..('a'):rep(60)))"));
  CHECK(hangs("return (('a'):rep(4e6):find(('a'):rep(2e6) .. 'b', 1, true))"));
}

TEST_CASE("fact 6: functions that loop by a number hang on 5.4, so the host has its own rep and offers no others") {
#ifndef TIDEWATCH_LUAJIT
  CHECK(hangs("return (''):rep(1e15)"));
  CHECK(hangs("return table.move({}, 1, 1e15, 2, {})"));
  CHECK(hangs("return string.pack('!1c1000000000000', 'x')"));
#endif
  SUCCEED();
}

TEST_CASE("fact 7: sorting a million and compiling megabytes are one C call each, far beyond a budget") {
  const Seen sort_alone = in_child(
      [] {
        lua_State* state = open_state();
        luaL_dostring(state, "t = {} for i = 1, 1e6 do t[i] = (i * 7919) % 1000003 end");
        return static_cast<int>(run_under_hook(state, "table.sort(t)"));
      },
      20);
  CHECK(sort_alone.cpu_ms > 5 * budget_ms);
  const Seen compiled = in_child(
      [] {
        lua_State* state = open_state();
        luaL_dostring(state, "s = ('x = x + 1 '):rep(800000)");
        return static_cast<int>(run_under_hook(state, "assert((loadstring or load)(s))"));
      },
      20);
  CHECK(compiled.cpu_ms > 5 * budget_ms);
}

TEST_CASE("fact 8: a hook counts instructions, not time, so long C calls are ended by the poke") {
  const char* code = "local s = ('x'):rep(1e7) while true do s:reverse() end";
  CHECK(hangs(code));
  const Seen poked = in_child(
      [=] {
        lua_State* state = open_state();
        poke_every(25);
        return static_cast<int>(run_under_hook(state, code));
      },
      4);
  CAPTURE(poked.cpu_ms);
  CHECK(poked.end == End::failed);
  CHECK(poked.cpu_ms < 1000);
}

TEST_CASE("fact 9: on 5.4 a coroutine older than the hook has none, so the hook is set before anything runs") {
  const Seen older = in_child(
      [] {
        lua_State* state = open_state();
        luaL_dostring(state, "older = coroutine.create(function() while true do end end)");
        return static_cast<int>(run_under_hook(state, "assert(coroutine.resume(older))"));
      },
      1);
  CHECK(older.end == (is_luajit ? End::failed : End::hangs));
}

TEST_CASE("fact 10: the C stack is not what stops recursion through coroutines and callbacks, so the host counts") {
  budget_ms = 1e6;  // nothing else may end it
  const End wrapped = run("local function f() return coroutine.wrap(f)() end f()").end;
  CHECK(wrapped == (is_luajit ? End::signal : End::failed));
  const End called = run("local function f() return (('x'):gsub('x', f)) end f()").end;
  budget_ms = 20;
  CHECK(called == (is_luajit ? End::signal : End::failed));
}

TEST_CASE("fact 11: past a cap LuaJIT cannot even make an empty table, and an unprotected push ends the process") {
  const auto fill = [](lua_State*& state) {
    used = 0;
    state = lua_newstate(capped, nullptr);
    if (state == nullptr) return 9;
    luaL_openlibs(state);
#ifdef TIDEWATCH_LUAJIT
    luaJIT_setmode(state, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
#endif
    luaL_loadstring(state, "local t = {} for i = 1, 1e9 do t[i] = {i} end");
    return lua_pcall(state, 0, 0, 0);
  };
  const Seen filled = in_child([&] {
    lua_State* state = nullptr;
    return fill(state) == LUA_ERRMEM ? 0 : 1;
  });
  CHECK(filled.end == End::done);
  const Seen pushed = in_child([&] {
    lua_State* state = nullptr;
    fill(state);
    const std::string text(33u << 20, 'x');
    lua_pushlstring(state, text.data(), text.size());
    return 0;
  });
  CHECK(pushed.end != End::done);
}

TEST_CASE("fact 12: Lua's errors run the destructors they cross; an exception is caught by pcall and loses its text") {
  lua_State* state = luaL_newstate();
  unwound = 0;
  lua_pushcfunction(state, raise_over_witness);
  CHECK(lua_pcall(state, 0, 0, 0) != 0);
  CHECK(unwound == 1);
  lua_settop(state, 0);
  lua_pushcfunction(state, throw_text);
  CHECK(lua_pcall(state, 0, 0, 0) != 0);
  CHECK(std::string(tidewatch::text_at(state, -1)).find("text") == std::string::npos);
  lua_close(state);
}

TEST_CASE("fact 13: yields cross pcall, metamethods and iterators but neither sort nor gsub") {
  CHECK(run("local f = coroutine.wrap(function() pcall(coroutine.yield, 1) return 2 end)\n"
            "assert(f() == 1 and f() == 2)")
            .end == End::done);
  CHECK(run("local t = setmetatable({}, { __index = function(_, k) return coroutine.yield(k) end })\n"
            "local f = coroutine.wrap(function() return t.a end) assert(f() == 'a' and f(5) == 5)")
            .end == End::done);
  CHECK(run("local f = coroutine.wrap(function() for i in coroutine.yield do return i end end)\n"
            "f() assert(f(7) == 7)")
            .end == End::done);
  CHECK(run("coroutine.wrap(function() table.sort({3, 2, 1}, coroutine.yield) end)()").end == End::failed);
  CHECK(run("coroutine.wrap(function() string.gsub('x', 'x', coroutine.yield) end)()").end == End::failed);
}

TEST_CASE("fact 14: a hook may yield to slice long work, and hands a script's own resume nothing") {
  const auto sliced = [](const char* code, bool inside) {
    return in_child([=] {
      lua_State* state = open_state();
      lua_State* task = lua_newthread(state);
      luaL_loadstring(task, code);
      lua_sethook(task, yielding_hook, LUA_MASKCOUNT, 10000);
      int slices = 0, results = 0;
      while (tidewatch::compat_resume(task, state, 0, &results) == LUA_YIELD && slices < 100000) {
        ++slices;
        lua_settop(task, 0);
      }
      const bool is_right = lua_tonumber(task, -1) == 500000;
      return inside ? (is_right ? 0 : 1) : is_right && slices > 10 ? 0 : 1;
    });
  };
  CHECK(sliced("local n = 0 for i = 1, 500000 do n = n + 1 end return n", false).end == End::done);
  CHECK(sliced("local _, n = pcall(function() local n = 0 for i = 1, 500000 do n = n + 1 end return n end) return n",
               false)
            .end == End::done);
  // The inner coroutine is the one that yields: its resume answers before the work is done.
  CHECK(
      sliced("local co = coroutine.create(function() local n = 0 for i = 1, 500000 do n = n + 1 end return n end)\n"
             "local _, n = coroutine.resume(co) if n == nil and coroutine.status(co) == 'suspended' then return 500000 "
             "end return 0",
             true)
          .end == (is_luajit ? End::done : End::done));
}

TEST_CASE("fact 15: the order of pairs differs between processes, math.random by engine, and LuaJIT ignores __pairs") {
  const auto codes = [](const char* code) {
    std::set<int> out;
    for (int i = 0; i < 12; ++i)
      out.insert(in_child([=] {
                   // A forked child has its parent's addresses, from which 5.4 draws its seeds.
                   volatile char* moved = static_cast<char*>(alloca(static_cast<std::size_t>(64 * i + 64)));
                   moved[0] = 1;
                   void* hole = malloc(static_cast<std::size_t>(i * 70'001 + 1));
                   lua_State* state = open_state();
                   free(hole);
                   luaL_loadstring(state, code);
                   if (lua_pcall(state, 0, 1, 0) != 0) return 99;
                   return static_cast<int>(lua_tonumber(state, -1));
                 }).code);
    return out.size();
  };
  // 5.4 draws its seed from the clock and from addresses: forked children may or may not differ, so nothing is held of
  // it.
  if (is_luajit) CHECK(codes("return math.random(1, 90)") == 1);
  CHECK(codes("local t = {} for i = 1, 80 do t['key' .. i] = i end return (select(2, next(t)))") > 1);
  const Seen lengths =
      run("local t = setmetatable({}, { __len = function() return 7 end, __pairs = function() return next, { x = 1 } "
          "end })\n"
          "local n = 0 for _ in pairs(t) do n = n + 1 end assert(#t == 7 and n == 1)");
  CHECK(lengths.end == (is_luajit ? End::failed : End::done));
}

TEST_CASE("fact 16: whoever prints an error object without a budget may hang, so only its type is printed") {
  const Seen printed = in_child(
      [] {
        lua_State* state = open_state();
        luaL_loadstring(state, "error(setmetatable({}, { __tostring = function() while true do end end }))");
        if (lua_pcall(state, 0, 0, 0) == 0) return 1;
        lua_getglobal(state, "tostring");
        lua_insert(state, -2);
        return lua_pcall(state, 1, 1, 0);
      },
      1);
  CHECK(printed.end == End::hangs);
}
