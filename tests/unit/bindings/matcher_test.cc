// Our matcher against the engine's own: a twin that generated patterns must not tell apart, except where it gives up.
#include <catch2/catch.hpp>

#include <random>

#include "bindings/host.h"
#include "bindings/lua_compat.h"
#include "bindings/matcher.h"

using namespace tidewatch;

namespace {

struct Engine {
  lua_State* state = luaL_newstate();
  Engine() { luaL_openlibs(state); }
  ~Engine() { lua_close(state); }

  // name(arguments...) of the engine's string library as one text: the results, or "error".
  std::string ask(const char* name, const std::vector<std::string>& arguments) {
    lua_getglobal(state, "string");
    lua_getfield(state, -1, name);
    lua_remove(state, -2);
    return call(state, arguments);
  }

  static std::string call(lua_State* lua, const std::vector<std::string>& arguments) {
    const int base = lua_gettop(lua) - 1;
    for (const auto& argument : arguments) push_text(lua, argument);
    std::string text;
    if (lua_pcall(lua, static_cast<int>(arguments.size()), LUA_MULTRET, 0) != 0) {
      text = "error";
    } else {
      for (int i = base + 1; i <= lua_gettop(lua); ++i) {
        std::size_t length = 0;
        const char* value = lua_tolstring(lua, i, &length);
        text += value == nullptr ? "nil" : std::string(value, length);
        text += '|';
      }
    }
    lua_settop(lua, base);
    return text;
  }
};

std::string random_of(std::mt19937& random, const std::vector<std::string>& pieces, int most) {
  std::string text;
  const int count = static_cast<int>(random() % static_cast<unsigned>(most + 1));
  for (int i = 0; i < count; ++i) text += pieces[random() % pieces.size()];
  return text;
}

// Our functions, reached as a pack reaches them.
struct Ours {
  std::unique_ptr<Host> host;
  Ours() {
    auto made = Host::create({});
    REQUIRE(made.ok());
    host = std::move(*made);
  }
  std::string ask(const char* name, const std::vector<std::string>& arguments) {
    std::string code = "local ok, a, b, c, d, e, f = pcall(string." + std::string(name);
    for (const auto& argument : arguments) {
      code += ", \"";
      for (const char c : argument) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\%03d", static_cast<unsigned char>(c));
        code += escaped;
      }
      code += '"';
    }
    code +=
        ")\nif not ok then print('error') return end\nlocal t = {a, b, c, d, e, f} local n = 6\n"
        "while n > 1 and t[n] == nil do n = n - 1 end\n"
        "local s = '' for i = 1, n do s = s .. tostring(t[i]) .. '|' end print(s)";
    const Outcome outcome = host->run_text(Context::prompt, code, "probe");
    INFO(outcome.message);
    REQUIRE(outcome.ok());
    const auto lines = host->take_output();
    REQUIRE(lines.size() == 1);
    return lines[0];
  }
};

}  // namespace

TEST_CASE("find and match answer as the engine does on generated patterns") {
  const unsigned seed = 20260317;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::vector<std::string> items{
      "a", "b", ".", "%a", "%d", "%w",   "%s", "[ab]",   "[^a]", "[%d-]", "[a-c]", "(",    ")",    "()", "(a)",  "*",
      "+", "-", "?", "^",  "$",  "%b()", "%1", "%f[%w]", "%u",   "%.",    "]",     "(a*)", "(.-)", "%S", "[]a]", "%"};
  const std::vector<std::string> letters{"a", "b", "c", "A", "1", "2", " ", "(", ")", ".", "-", "]"};
  Engine engine;
  Ours ours;
  int matched = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string pattern = random_of(random, items, 6);
    const std::string subject = random_of(random, letters, 12);
    for (const char* name : {"find", "match"}) {
      const std::string expected = engine.ask(name, {subject, pattern});
      INFO(name << " subject \"" << subject << "\" pattern \"" << pattern << "\"");
      const std::string got = ours.ask(name, {subject, pattern});
      CHECK(got == expected);
      matched += expected != "nil|" && expected != "error";
    }
  }
  CHECK(matched > 1000);  // the patterns are not all misses
}

TEST_CASE("gsub answers as the engine does on generated patterns that match no empty text") {
  const unsigned seed = 77;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::vector<std::string> items{"a",   "b",   ".",   "%a", "%d", "[ab]", "[^a]",
                                       "(a)", "(.)", "%w+", "a+", "b-", "c?"};
  const std::vector<std::string> letters{"a", "b", "c", "1", " ", "("};
  const std::vector<std::string> replacements{"", "x", "<%0>", "%%", "aa", "%1"};
  Engine engine;
  Ours ours;
  int compared = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string pattern = random_of(random, items, 4);
    const std::string subject = random_of(random, letters, 12);
    const std::string replacement = replacements[random() % replacements.size()];
    // LuaJIT counts an empty match behind the last one, 5.4 does not; ours follows 5.4.
    if (engine.ask("find", {"", pattern}) != "nil|") continue;
    INFO("subject \"" << subject << "\" pattern \"" << pattern << "\" replacement \"" << replacement << "\"");
    CHECK(ours.ask("gsub", {subject, pattern, replacement}) == engine.ask("gsub", {subject, pattern, replacement}));
    ++compared;
  }
  CHECK(compared > 1000);
}

TEST_CASE("an exponential pattern gives up with a sentence instead of running on") {
  const std::string subject(40, 'a');
  std::string pattern;
  for (int i = 0; i < 26; ++i) pattern += "a?";
  pattern += std::string(60, 'a');
  Matcher matcher(subject, pattern);
  CHECK(matcher.match(0) == -1);
  REQUIRE(matcher.error() != nullptr);
  CHECK(std::string(matcher.error()).find("1,000,000 steps") != std::string::npos);
  CHECK(matcher.steps() <= max_match_steps + 100);
}

TEST_CASE("captures report positions and lengths") {
  Matcher matcher("key=value", "(%w+)=()(%w+)");
  REQUIRE(matcher.match(0) == 9);
  REQUIRE(matcher.captures() == 3);
  CHECK(matcher.capture(0).start == 0);
  CHECK(matcher.capture(0).length == 3);
  CHECK(matcher.capture(1).length == Matcher::position);
  CHECK(matcher.capture(1).start == 4);
  CHECK(matcher.capture(2).length == 5);
}
