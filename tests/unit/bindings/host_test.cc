// The host's promises, one by one: what a pack sees, what stops it, and what is left behind afterwards.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "bindings/host.h"
#include "bindings/lua_compat.h"
#include "bindings/syntax_guard.h"

using namespace tidewatch;

namespace {

std::unique_ptr<Host> open(HostOptions options = {}) {
  options.chunk_prefix = "p";
  auto host = Host::create(options);
  REQUIRE(host.ok());
  return std::move(*host);
}

// What the code printed at the prompt, lines joined; or "kind: message".
std::string run(Host& host, const std::string& code, Context context = Context::prompt) {
  const Outcome outcome = host.run_text(context, code, "p/pack.lua");
  std::string text;
  for (const auto& line : host.take_output()) text += (text.empty() ? "" : "\n") + line;
  CHECK(lua_gettop(host.state()) == 0);
  static const char* kinds[] = {"", "error: ", "budget: ", "memory: "};
  if (!outcome.ok()) return kinds[static_cast<int>(outcome.kind)] + outcome.message;
  return text;
}

}  // namespace

TEST_CASE("numbers and values print alike on both engines") {
  auto host = open();
  CHECK(run(*host, "print(3, 6/2, 0.1, 1/0, -1/0, 0/0, -(0/0), 2^53, 1e15, true, nil)") ==
        "3\t3\t0.1\tinf\t-inf\tnan\tnan\t9.007199254741e+15\t1e+15\ttrue\tnil");
  CHECK(run(*host, "print({}, print, coroutine.create(print))") == "table\tfunction\tthread");
  CHECK(run(*host, "print(string.format('%d %5.2f %s %q %x', 3.0, 1/3, {}, 'a\"b', 255))") ==
        "3  0.33 table \"a\\\"b\" ff");
  CHECK(run(*host, "print(string.format('%d', 1.5))") ==
        "error: p/pack.lua:1: string.format(): argument 2: %d expects a whole number, got 1.5");
  CHECK(run(*host, "print(math.floor(3.7) .. '', math.atan(1, 1) == math.pi / 4, math.fmod(5, 0))") == "3\ttrue\tnan");
  CHECK(run(*host,
            "print(tonumber('0x10'), tonumber(' 12 '), tonumber('inf'), tonumber('0b1'), tonumber('zz', 36), "
            "tonumber(''))") == "16\t12\tnil\tnil\t1295\tnil");
}

TEST_CASE("pairs walks numbers, text by byte, then booleans, whatever the insertion order") {
  auto host = open();
  CHECK(run(*host,
            "local t = {b=1, [true]=2, a=3, [10]=4, [2]=5, B=6} local s = '' "
            "for k, v in pairs(t) do s = s .. tostring(k) .. v .. ' ' end print(s)") == "25 104 B6 a3 b1 true2 ");
  CHECK(run(*host, "for k in pairs({[{}]=1}) do end") ==
        "error: p/pack.lua:1: pairs(): a table as a key has no order; use numbers, text or booleans as keys");
  CHECK(run(*host, "print(next({}), next({z=1, y=2}))") == "nil\ty\t2");
  CHECK(run(*host, "local t = {a=1, b=2, c=3} for k in pairs(t) do t.b = nil t[k] = nil end print(next(t))") == "nil");
}

TEST_CASE("sort is stable and yields cross it") {
  auto host = open();
  CHECK(run(*host,
            "local t = {} for i = 1, 9 do t[i] = {i % 3, i} end table.sort(t, function(a, b) return a[1] < b[1] end) "
            "local s = '' for i = 1, 9 do s = s .. t[i][2] .. ' ' end print(s)") == "3 6 9 1 4 7 2 5 8 ");
  CHECK(run(*host,
            "local co = coroutine.wrap(function() local t = {3, 1, 2} table.sort(t, function(a, b) coroutine.yield(0) "
            "return a < b end) return t[1] + 10 * t[2] end) local r repeat r = co() until r ~= 0 print(r)") == "21");
}

TEST_CASE("an undeclared name is an error with the nearest one, and nothing can be declared") {
  auto host = open();
  CHECK(run(*host, "local x = prnt") ==
        "error: p/pack.lua:1: `prnt` is not declared (did you mean \"print\"?); names of this file are declared with "
        "local");
  CHECK(run(*host, "\nvalue = 3") == "error: p/pack.lua:2: `value` is not declared; write local value");
  CHECK(run(*host, "print = 3") ==
        "error: p/pack.lua:1: `print` belongs to the engine and cannot be replaced; write local print");
  CHECK(run(*host, "os.time()") == "error: p/pack.lua:1: os.time() is not available in a pack; use now()");
  CHECK(run(*host, "string.rep = nil") == "error: p/pack.lua:1: string belongs to the engine and cannot be changed");
  CHECK(run(*host, "rawset(string, 'rep', 1)") ==
        "error: p/pack.lua:1: rawset(): this table belongs to the engine and cannot be changed");
  CHECK(run(*host, "local s = ('x'):repp(3)") == "error: p/pack.lua:1: string has no \"repp\" (did you mean \"rep\"?)");
  lua_pushnumber(host->state(), 7);
  host->define("answer");
  CHECK(run(*host, "print(answer)") == "7");
  for (const char* name : {"ffi", "jit", "debug", "io", "os", "package", "bit"})
    CHECK(run(*host, std::string("return ") + name + ".x").substr(0, 5) == "error");
  for (const char* name :
       {"load", "loadstring", "loadfile", "dofile", "collectgarbage", "newproxy", "getfenv", "setfenv", "_G", "rawlen"})
    CHECK(run(*host, std::string("local x = ") + name).find("not available in a pack") != std::string::npos);
}

TEST_CASE("a spent budget ends the call through pcall, xpcall and coroutines, and the state lives on") {
  HostOptions options;
  options.count_budgets = GENERATE(false, true);
  auto host = open(options);
  const std::string text = "budget: p/pack.lua:1: stopped: a monitor call may use 50ms of CPU time";
  for (const char* code :
       {"while true do end", "while true do pcall(function() while true do end end) end",
        "local function l() while true do end end xpcall(l, l)",
        "local co = coroutine.create(function() while true do end end) while true do coroutine.resume(co) end",
        "while true do coroutine.wrap(function() for i = 1, 500 do end end)() end"}) {
    INFO(code);
    CHECK(run(*host, code, Context::monitor) == text);
    CHECK(run(*host, "print('alive')") == "alive");
  }
}

TEST_CASE("counted budgets stop at the same step every time") {
  HostOptions options;
  options.count_budgets = true;
  std::string first;
  for (int i = 0; i < 2; ++i) {
    auto host = open(options);
    lua_newtable(host->state());
    lua_pushvalue(host->state(), -1);
    const int box = luaL_ref(host->state(), LUA_REGISTRYINDEX);
    lua_newtable(host->state());
    lua_setmetatable(host->state(), -2);
    host->define("box");
    CHECK(run(*host, "local n = 0 while true do n = n + 1 box.n = n end", Context::predicate).substr(0, 7) ==
          "budget:");
    lua_rawgeti(host->state(), LUA_REGISTRYINDEX, box);
    lua_getfield(host->state(), -1, "n");
    const std::string reached = lua_tostring(host->state(), -1);
    lua_pop(host->state(), 2);
    if (i == 0) first = reached;
    CHECK(reached == first);
  }
}

TEST_CASE("the memory cap ends a call, cannot be caught, and is lifted for the next one") {
  HostOptions options;
  options.memory_cap = 4u << 20;
  options.block_cap = 1u << 20;
  auto host = open(options);
  for (const char* code : {"local t = {} for i = 1, 1e9 do t[i] = {i} end",
                           "while true do pcall(function() local t = {} for i = 1, 1e9 do t[i] = {i} end end) end",
                           "local s = 'x' while true do s = s .. s end"}) {
    for (int i = 0; i < 20; ++i) {
      INFO(code << " round " << i);
      const std::string got = run(*host, code, Context::load);
      CHECK(got == "memory: p: out of memory: a pack may hold 4 MiB, and any one block 1 MiB");
      CHECK(run(*host, "print(#{1, 2})") == "2");
      CHECK(host->memory_bytes() < (1u << 20));
    }
  }
  CHECK(run(*host, "for i = 1, 2000 do local s = ('x'):rep(500000) .. i end print('kept')") == "kept");
  CHECK(host->memory_peak() <= (4u << 20) + (1u << 16));
}

TEST_CASE("errors carry file and line; values that are not text are named by type") {
  auto host = open();
  CHECK(run(*host, "\nerror('why')") == "error: p/pack.lua:2: why");
  CHECK(run(*host, "error({})") == "error: p/pack.lua:1: error value: table");
  CHECK(run(*host, "error(setmetatable({}, {__tostring = function() while true do end end}))") ==
        "error: p/pack.lua:1: error value: table");
  const Outcome outcome =
      host->run_text(Context::load, "local function inner() error('x') end\nlocal r = inner()\nreturn r", "p/a.lua");
  CHECK(outcome.traceback.find("p/a.lua:1: in") != std::string::npos);
  CHECK(outcome.traceback.find("p/a.lua:2: in") != std::string::npos);
  CHECK(outcome.traceback.find("tidewatch:") == std::string::npos);
}

TEST_CASE("print is capped a call and says what it dropped") {
  auto host = open();
  CHECK(host->run_text(Context::monitor, "for i = 1, 300 do print(i) end", "p/pack.lua").ok());
  const auto lines = host->take_output();
  REQUIRE(lines.size() == 101);
  CHECK(lines[0] == "p/pack.lua:1: 1");
  CHECK(lines[100].find("dropped 200 more lines") != std::string::npos);
}

TEST_CASE("require reads inside the pack once, and nowhere else") {
  namespace fs = std::filesystem;
  std::string name = (fs::temp_directory_path() / "tidewatch_host_XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  const fs::path folder = fs::path(name) / "pack";
  fs::create_directories(folder / "lib");
  std::ofstream(fs::path(name) / "secret.lua") << "return 'secret'";
  std::ofstream(folder / "lib" / "one.lua") << "print('once') return {value = 41}";
  std::ofstream(folder / "a.lua") << "return require 'b'";
  std::ofstream(folder / "b.lua") << "return require 'a'";
  fs::create_symlink(fs::path(name) / "secret.lua", folder / "out.lua");
  HostOptions options;
  options.folder = folder.string();
  auto host = open(options);
  CHECK(run(*host, "local one = require 'lib.one' print(require('lib.one').value + 1, one == require 'lib.one')") ==
        "once\n42\ttrue");
  CHECK(run(*host, "require '../secret'").find("expected a name inside the pack") != std::string::npos);
  CHECK(run(*host, "require 'out'").find("leads outside the pack's folder") != std::string::npos);
  CHECK(run(*host, "require 'a'").find("require each other") != std::string::npos);
  CHECK(run(*host, "require 'none'").find("p/none.lua: no such file") != std::string::npos);
  CHECK(host->sources().size() >= 2);
  fs::remove_all(name);
}

TEST_CASE("a nested call inherits what is left of the outer budget") {
  HostOptions options;
  options.count_budgets = true;
  auto host = open(options);
  lua_pushcfunction(host->state(), [](lua_State* state) {
    Host& inner = Host::of(state);
    const Outcome outcome = inner.run_text(Context::test, "while true do end", "p/inner.lua");
    lua_pushboolean(state, outcome.kind == Outcome::Kind::budget && inner.context() == Context::monitor);
    return 1;
  });
  host->define("nested");
  CHECK(run(*host, "local ok = nested() while true do end", Context::monitor).substr(0, 7) == "budget:");
  CHECK_FALSE(host->in_call());
}

TEST_CASE("what only one engine reads is refused with a sentence") {
  for (const char* code : {"goto done", "local x = 7 // 2", "local x = 1 << 2", "local x = 4 >> 1", "local x = 1 & 2",
                           "local x = 1 | 2", "local x = ~1", "local x <const> = 1", "local x, y <close> = 1",
                           "local x = 1LL", "local x = 2i", "local x = 0b1", "::top::", "\x1bLua"}) {
    INFO(code);
    const auto refusal = check_syntax(code);
    REQUIRE(refusal.has_value());
    CHECK(refusal->line == 1);
    CHECK(refusal->text.size() > 20);
  }
  for (const char* code :
       {"if a ~= b then end", "-- a // b & c", "--[[ goto ]] local x = 'a & b'", "local s = [==[ 1LL ]] ]==]",
        "local x = 0x1F + 1e-5 + .5 + 3 .. 4", "local a = b < c", "x = t.a.b", "local t = {1, [2] = '~'}"}) {
    INFO(code);
    CHECK_FALSE(check_syntax(code).has_value());
  }
  CHECK(check_syntax("\n\nlocal x = a & b")->line == 3);
}
