// The facts about the engines that the host is built on, on a raw state with no host around it, each in a child killed
// when it hangs. When one of these changes with a new engine, the answer in bindings/ may no longer be needed or no
// longer be enough; the message names which.
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <stdexcept>

#include "bindings/lua_compat.h"

namespace {

enum class End { done = 0, failed = 1, hangs = 2, signal = 3 };

void naive_hook(lua_State* state, lua_Debug*) { luaL_error(state, "budget"); }

int unwound = 0;
struct Witness {
  ~Witness() { ++unwound; }
};
int raise_over_witness(lua_State* state) {
  const Witness witness;
  return luaL_error(state, "raised");
}
int throw_text(lua_State*) { throw std::runtime_error("text"); }

End run_here(const char* code) {
  lua_State* state = luaL_newstate();
  luaL_openlibs(state);
#ifdef TIDEWATCH_LUAJIT
  luaJIT_setmode(state, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
#endif
  lua_sethook(state, naive_hook, LUA_MASKCOUNT, 1000000);
  return luaL_loadstring(state, code) == 0 && lua_pcall(state, 0, 0, 0) == 0 ? End::done : End::failed;
}

End run(const char* code) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS}) std::signal(signal, SIG_DFL);
    const End end = run_here(code);
    _exit(static_cast<int>(end));
  }
  int status = 0;
  for (int waited = 0; waited < 150; ++waited) {
    if (waitpid(child, &status, WNOHANG) == child)
      return WIFEXITED(status) ? static_cast<End>(WEXITSTATUS(status)) : End::signal;
    usleep(10000);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return End::hangs;
}

}  // namespace

TEST_CASE("with the JIT off a hook stops a loop") { CHECK(run("while true do end") == End::failed); }

TEST_CASE("a naive kill is caught for ever, so the host settles behind every pcall") {
  CHECK(run("while true do pcall(function() while true do end end) end") == End::hangs);
}

TEST_CASE("a looping handler of xpcall hangs, so the host runs handlers after unwinding") {
  CHECK(run("local function f() while true do end end xpcall(f, f)") == End::hangs);
}

TEST_CASE("a pattern is one C call that no hook stops, so the host has a matcher of its own") {
  CHECK(run("return (('a'):rep(40):find(('a?'):rep(26)..('a'):rep(60)))") == End::hangs);
}

TEST_CASE("the C stack is not what stops recursion through coroutines, so the host counts") {
  const End end = run("local function f() return coroutine.wrap(f)() end f()");
#ifdef TIDEWATCH_LUAJIT
  CHECK(end == End::signal);
#else
  CHECK(end == End::failed);
#endif
}

TEST_CASE("yields cross pcall and metamethods but neither sort nor gsub") {
  CHECK(run("local f = coroutine.wrap(function() pcall(coroutine.yield, 1) return 2 end) assert(f() == 1 and f() == "
            "2)") == End::done);
  CHECK(run("coroutine.wrap(function() table.sort({3, 2, 1}, coroutine.yield) end)()") == End::failed);
  CHECK(run("coroutine.wrap(function() string.gsub('x', 'x', coroutine.yield) end)()") == End::failed);
}

TEST_CASE("an error of Lua runs the destructors of the C++ it crosses, and an exception is caught by pcall") {
  lua_State* state = luaL_newstate();
  unwound = 0;
  lua_pushcfunction(state, raise_over_witness);
  CHECK(lua_pcall(state, 0, 0, 0) != 0);
  CHECK(unwound == 1);
  lua_settop(state, 0);
  lua_pushcfunction(state, throw_text);
  CHECK(lua_pcall(state, 0, 0, 0) != 0);
  lua_close(state);
}
