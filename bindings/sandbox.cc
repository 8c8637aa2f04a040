// Builds what a pack sees: an empty table that reads through to the offered names and refuses everything else with a
// sentence. Offered by allow-list, because the list of what is dangerous has never been complete anywhere. Read-only
// proxies guard against accidents; what isolates packs is that each has a state of its own.
#include "bindings/sandbox.h"

#include <algorithm>
#include <array>
#include <cstdarg>

#include "base/text.h"
#include "bindings/host_state.h"

namespace tidewatch {
namespace {

struct Absent {
  std::string_view name;  // a global, or library.function
  std::string_view instead;
};

// Names people bring from plain Lua. A library listed here as a bare name is a stub whose fields answer.
constexpr std::array<Absent, 39> absent{{
    {"os.time", "use now()"},
    {"os.clock", "use now()"},
    {"os.date", "use now() and the methods of an instant"},
    {"os.getenv", "a pack reads no environment; write the value in the pack"},
    {"os.execute", "a pack starts no programs; a webhook can ask another program to"},
    {"os.exit", "return from the function, or error(\"why\")"},
    {"os.remove", "a pack writes no files"},
    {"io.write", "use print()"},
    {"io.open", "a pack reads no files; declare a stream"},
    {"io.lines", "a pack reads no files; declare a stream"},
    {"io.popen", "a pack starts no programs; a webhook can ask another program to"},
    {"debug.traceback", "errors carry the pack's frames already"},
    {"math.randomseed", "the engine seeds math.random, so that a run repeats"},
    {"math.pow", "write x ^ y"},
    {"string.dump", "compiled Lua is refused everywhere"},
    {"string.pack", "a pack reads decoded records"},
    {"string.unpack", "a pack reads decoded records"},
    {"string.gfind", "use string.gmatch"},
    {"table.getn", "write #t"},
    {"table.foreach", "use for k, v in pairs(t)"},
    {"table.move", "write a loop"},
    {"table.maxn", "write #t"},
    {"coroutine.close", "let it be; it is collected"},
    {"coroutine.isyieldable", ""},
    {"load", "use require \"name\" for code in another file"},
    {"loadstring", "use require \"name\" for code in another file"},
    {"loadfile", "use require \"name\""},
    {"dofile", "use require \"name\""},
    {"module", "return a table from the file and require it"},
    {"collectgarbage", "the engine collects"},
    {"newproxy", "use a table"},
    {"getfenv", ""},
    {"setfenv", ""},
    {"rawlen", "write #t"},
    {"_G", "names are declared with local, and shared through require"},
    {"_VERSION", ""},
    {"bit32", ""},
    {"arg", ""},
    {"sleep", "a pack never waits; only runbooks have wait()"},
}};

constexpr std::array<std::string_view, 8> absent_libraries{"os", "io", "debug", "ffi", "jit", "bit", "package", "utf8"};

constexpr std::array<const char*, 7> base_from_engine{"assert", "error",  "ipairs", "rawequal",
                                                      "rawget", "select", "type"};

std::string not_available(std::string_view name, bool called) {
  std::string text(name);
  if (called) text += "()";
  text += " is not available in a pack";
  const std::string_view instead = advice_for(name);
  if (!instead.empty()) text += "; " + std::string(instead);
  return text;
}

// Raises with the place of the script's line that met the missing name.
int raise_at_caller(lua_State* state, const std::string& text) {
  luaL_where(state, 1);
  push_text(state, text);
  lua_concat(state, 2);
  return lua_error(state);
}

std::string key_text(lua_State* state, int index) {
  if (lua_type(state, index) == LUA_TSTRING) return std::string(text_at(state, index));
  return std::string("a ") + lua_typename(state, lua_type(state, index)) + " key";
}

// __index of the table behind the globals: every name that is neither offered nor declared.
int missing_global(lua_State* state) {
  const std::string name = key_text(state, 2);
  if (!advice_for(name).empty()) return raise_at_caller(state, not_available(name, name[0] != '_'));
  Host::State& host = Host::State::of(state);
  const std::vector<std::string> known = host.host != nullptr ? host.host->defined_names() : host.names;
  return raise_at_caller(state, "`" + name + "` is not declared" + did_you_mean(name, known) +
                                    "; names of this file are declared with local");
}

int refuse_global(lua_State* state) {
  const std::string name = key_text(state, 2);
  const auto& names = Host::State::of(state).names;
  if (std::find(names.begin(), names.end(), name) != names.end())
    return raise_at_caller(state, "`" + name + "` belongs to the engine and cannot be replaced; write local " + name);
  return raise_at_caller(state, "`" + name + "` is not declared; write local " + name + did_you_mean(name, names));
}

// __index of a library's functions; upvalue 1 is its name.
int missing_field(lua_State* state) {
  const std::string library(text_at(state, lua_upvalueindex(1)));
  const std::string name = key_text(state, 2);
  const std::string full = library + "." + name;
  if (!advice_for(full).empty()) return raise_at_caller(state, not_available(full, true));
  std::vector<std::string> known;
  if (lua_istable(state, lua_upvalueindex(2))) {
    for (lua_pushnil(state); lua_next(state, lua_upvalueindex(2)) != 0; lua_pop(state, 1))
      known.emplace_back(text_at(state, -2));
  }
  std::sort(known.begin(), known.end());
  if (known.empty()) return raise_at_caller(state, not_available(full, true));
  return raise_at_caller(state, library + " has no \"" + name + "\"" + did_you_mean(name, known));
}

int refuse_field(lua_State* state) {
  return raise_at_caller(
      state, std::string(text_at(state, lua_upvalueindex(1))) + " belongs to the engine and cannot be changed");
}

bool is_guarded(lua_State* state, int index, Host::State& host) {
  index = compat_absindex(state, index);
  if (lua_getmetatable(state, index) == 0) return false;
  lua_pushlightuserdata(state, &host.marker);
  lua_rawget(state, -2);
  const bool guarded = !lua_isnil(state, -1);
  lua_pop(state, 2);
  return guarded;
}

bool is_forbidden_field(std::string_view name) { return name == "__gc" || name == "__close" || name == "__mode"; }

int guarded_rawset(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  luaL_checkany(state, 3);
  if (is_forbidden_field(text_at(state, 2)))
    return luaL_error(state, "rawset(): %s is not available in a pack", lua_tostring(state, 2));
  if (is_guarded(state, 1, Host::State::of(state)))
    return luaL_error(state, "rawset(): this table belongs to the engine and cannot be changed");
  lua_settop(state, 3);
  lua_rawset(state, 1);
  return 1;
}

// __newindex of a table that serves as a metatable: what setmetatable() refuses may not be added behind its back.
int refuse_late_field(lua_State* state) {
  if (is_forbidden_field(text_at(state, 2)))
    return raise_error(state, "%s is not available in a pack", lua_tostring(state, 2));
  lua_settop(state, 3);
  lua_rawset(state, 1);
  return 0;
}

// Makes the table at `index`, which serves as a metatable, refuse late fields: by a metatable of its own, or through
// the one it has. One that answers writes itself is left to rawset(), which refuses the same.
void watch_metatable(lua_State* state, int index, Host::State& host) {
  index = compat_absindex(state, index);
  if (lua_getmetatable(state, index) == 0) {
    lua_rawgeti(state, LUA_REGISTRYINDEX, host.late_guard);
    lua_setmetatable(state, index);
    return;
  }
  lua_pushliteral(state, "__newindex");
  lua_rawget(state, -2);
  const bool is_free = lua_isnil(state, -1);
  lua_pop(state, 1);
  if (is_free) {
    lua_pushliteral(state, "__newindex");
    lua_pushcfunction(state, refuse_late_field);
    lua_rawset(state, -3);
  }
  lua_pop(state, 1);
}

// Whether the table at `index` was given the watch above.
bool is_watched(lua_State* state, int index) {
  if (lua_getmetatable(state, index) == 0) return false;
  lua_pushliteral(state, "__newindex");
  lua_rawget(state, -2);
  const bool watched = lua_tocfunction(state, -1) == refuse_late_field;
  lua_pop(state, 2);
  return watched;
}

// A finalizer would run at any time and outside any budget; a weak table would differ from run to run.
int guarded_setmetatable(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  const int kind = lua_type(state, 2);
  if (kind != LUA_TTABLE && kind != LUA_TNIL)
    return luaL_error(state, "setmetatable(): argument 2: expected a table or nil, got %s", luaL_typename(state, 2));
  Host::State& host = Host::State::of(state);
  const bool serves = is_watched(state, 1);
  if (luaL_getmetafield(state, 1, "__metatable") != 0)
    return luaL_error(state, "setmetatable(): this table's metatable is protected");
  if (kind == LUA_TTABLE) {
    for (const char* field : {"__gc", "__close", "__mode"}) {
      lua_pushstring(state, field);
      lua_rawget(state, 2);
      if (!lua_isnil(state, -1)) return luaL_error(state, "setmetatable(): %s is not available in a pack", field);
      lua_pop(state, 1);
    }
    // A chain of callable tables is walked inside one instruction, quadratic on 5.4; LuaJIT reads no chain at all.
    lua_pushliteral(state, "__call");
    lua_rawget(state, 2);
    if (!lua_isnil(state, -1) && !lua_isfunction(state, -1))
      return luaL_error(state, "setmetatable(): __call must be a function, got %s", luaL_typename(state, -1));
  }
  lua_settop(state, 2);
  if (kind == LUA_TTABLE) watch_metatable(state, 2, host);
  lua_setmetatable(state, 1);
  if (serves) watch_metatable(state, 1, host);
  return 1;
}

// A caught error costs as much as a thousand instructions: an exception was thrown and a stack unwound.
int settle(lua_State* state) {
  settle_or_raise(state);
  if (lua_toboolean(state, 1) == 0) charge(state, 1000);
  return lua_gettop(state);
}

int enter_resume(lua_State* state) {
  Host::State& host = Host::State::of(state);
  if (host.budget.resumes >= max_depth) return luaL_error(state, "coroutines are nested deeper than %d", max_depth);
  charge(state, 200);  // a coroutine starts with a fresh instruction count on 5.4: short ones must still add up
  ++host.budget.resumes;
#ifndef TIDEWATCH_LUAJIT  // whose one hook serves all coroutines
  // Anchored, because a resume that fails before it begins leaves it named as running.
  lua_pushlightuserdata(state, &host.running);
  lua_pushvalue(state, 1);
  lua_rawset(state, LUA_REGISTRYINDEX);
  host.running = lua_tothread(state, 1);
#endif
  return 0;
}

int leave_resume(lua_State* state) {
  Host::State& host = Host::State::of(state);
  if (host.budget.resumes > 0) --host.budget.resumes;
#ifndef TIDEWATCH_LUAJIT
  host.running = state;
#endif
  return settle(state);
}

int leave_wrap(lua_State* state) {
  leave_resume(state);
  if (lua_toboolean(state, 1) == 0) {
    lua_settop(state, 2);
    return lua_error(state);
  }
  lua_remove(state, 1);
  return lua_gettop(state);
}

int metatable_of(lua_State* state) {
  if (lua_getmetatable(state, 1) == 0) lua_pushnil(state);
  return 1;
}

// The watch is the engine's: a script that asks meets no metatable it did not set.
int guarded_getmetatable(lua_State* state) {
  luaL_checkany(state, 1);
  if (luaL_getmetafield(state, 1, "__metatable") != 0) return 1;
  if (lua_getmetatable(state, 1) == 0) {
    lua_pushnil(state);
    return 1;
  }
  lua_rawgeti(state, LUA_REGISTRYINDEX, Host::State::of(state).late_guard);
  if (lua_rawequal(state, -1, -2) != 0)
    lua_pushnil(state);
  else
    lua_pop(state, 1);
  return 1;
}

// Keeps a line of print(), with the place of the caller except at the prompt.
int emit(lua_State* state) {
  Host::State& host = Host::State::of(state);
  std::string line(text_at(state, 1));
  charge(state, 100 + static_cast<std::int64_t>(line.size() / 16));
  if (host.budget.context() != Context::prompt) {
    luaL_where(state, 2);  // 0 is emit, 1 print in the prelude, 2 the script
    line.insert(0, text_at(state, -1));
  }
  host.emit(std::move(line));
  return 0;
}

void set_from(lua_State* state, int from, const char* name, int to, const char* as = nullptr) {
  lua_getfield(state, from, name);
  lua_setfield(state, to, as != nullptr ? as : name);
}

void open_library(lua_State* state, lua_CFunction open, const char* name) {
  lua_pushcfunction(state, open);
  lua_pushstring(state, name);
  lua_call(state, 1, 0);
}

// Puts the functions of the table on top into a fresh one whose missing names answer; replaces it.
void answer_missing(lua_State* state, const char* library) {
  lua_newtable(state);
  lua_pushlightuserdata(state, &Host::State::of(state).marker);
  lua_pushboolean(state, 1);
  lua_rawset(state, -3);
  lua_pushstring(state, library);
  lua_pushvalue(state, -3);
  lua_pushcclosure(state, missing_field, 2);
  lua_setfield(state, -2, "__index");
  lua_pushstring(state, library);
  lua_setfield(state, -2, "__metatable");
  lua_setmetatable(state, -2);
}

}  // namespace

std::string_view advice_for(std::string_view name) {
  for (const Absent& entry : absent)
    if (entry.name == name) return entry.instead.empty() ? "it is left out on purpose" : entry.instead;
  return {};
}

int raise_error(lua_State* state, const char* format, ...) {
  lua_Debug frame;
  int level = 1;
  while (level < 100 && lua_getstack(state, level, &frame) != 0 && lua_getinfo(state, "S", &frame) != 0 &&
         frame.source[0] != '@')
    ++level;
  luaL_where(state, level);
  va_list arguments;
  va_start(arguments, format);
  lua_pushvfstring(state, format, arguments);
  va_end(arguments);
  lua_concat(state, 2);
  return lua_error(state);
}

void guard_table(lua_State* state, const std::string& name) {
  luaL_checkstack(state, 8, "guarding a table");
  lua_newtable(state);  // real proxy
  lua_newtable(state);  // real proxy meta
  lua_pushlightuserdata(state, &Host::State::of(state).marker);
  lua_pushvalue(state, -4);
  lua_rawset(state, -3);
  lua_pushvalue(state, -3);
  lua_setfield(state, -2, "__index");
  push_text(state, name);
  lua_pushcclosure(state, refuse_field, 1);
  lua_setfield(state, -2, "__newindex");
  push_text(state, name);
  lua_setfield(state, -2, "__metatable");
  lua_setmetatable(state, -2);
  lua_remove(state, -2);
}

void open_sandbox(lua_State* state, Host::State& host) {
#ifdef TIDEWATCH_LUAJIT
  open_library(state, luaopen_base, "");
#else
  open_library(state, luaopen_base, LUA_GNAME);
#endif
  open_library(state, luaopen_string, LUA_STRLIBNAME);
#ifndef TIDEWATCH_LUAJIT
  lua_pushcfunction(state, luaopen_coroutine);
  lua_pushstring(state, LUA_COLIBNAME);
  lua_call(state, 1, 1);
  lua_setglobal(state, LUA_COLIBNAME);
  lua_pushcfunction(state, luaopen_string);
  lua_pushstring(state, LUA_STRLIBNAME);
  lua_call(state, 1, 1);
  lua_setglobal(state, LUA_STRLIBNAME);
#endif
  // The C halves, as the prelude's one argument.
  luaL_loadbufferx(state, prelude_text, std::char_traits<char>::length(prelude_text), "=tidewatch", "t");
  if (lua_type(state, -1) == LUA_TSTRING) lua_error(state);
  const int prelude = lua_gettop(state);
  push_base_functions(state);
  const int c = lua_gettop(state);
  static constexpr luaL_Reg functions[] = {{"settle", settle},
                                           {"enter_resume", enter_resume},
                                           {"leave_resume", leave_resume},
                                           {"leave_wrap", leave_wrap},
                                           {"metatable_of", metatable_of},
                                           {"emit", emit},
                                           {"require_load", require_load},
                                           {"rawset", guarded_rawset},
                                           {"setmetatable", guarded_setmetatable},
                                           {"getmetatable", guarded_getmetatable},
                                           {nullptr, nullptr}};
  compat_setfuncs(state, functions);
  for (const char* name : base_from_engine) {
    lua_getglobal(state, name);
    lua_setfield(state, c, name);
  }
  lua_getglobal(state, "pcall");
  lua_setfield(state, c, "pcall");
  lua_getglobal(state, LUA_COLIBNAME);
  for (const char* name : {"create", "resume", "yield", "status", "running"})
    set_from(state, lua_gettop(state), name, c);
  lua_pop(state, 1);

  push_table_functions(state);
  for (const char* name : {"sorted_keys", "key_less", "concat", "unpack", "pack"})
    set_from(state, lua_gettop(state), name, c);
  const int table_functions = lua_gettop(state);
  push_math_functions(state);
  const int math = lua_gettop(state);
  set_from(state, math, "floor", c);
  push_string_functions(state);
  const int strings = lua_gettop(state);
  set_from(state, strings, "format", c);
  set_from(state, strings, "plain_text", c);
  lua_pushnil(state);
  lua_setfield(state, strings, "plain_text");
  lua_getglobal(state, LUA_STRLIBNAME);
  for (const char* name : {"byte", "char", "len", "sub"}) set_from(state, lua_gettop(state), name, strings);
  lua_pop(state, 1);
  push_pattern_functions(state);
  for (const char* name : {"find", "match", "gmatch", "gsub"}) set_from(state, lua_gettop(state), name, strings);
  lua_pop(state, 1);

  lua_pushvalue(state, prelude);
  lua_pushvalue(state, c);
  lua_call(state, 1, 4);
  const int base = prelude + 5;  // behind prelude, c, table functions, math, strings
  const int tables = base + 1, coroutines = base + 2, texts = base + 3;
  (void)table_functions;
  set_from(state, texts, "format", strings);

  lua_newtable(state);
  lua_pushcfunction(state, refuse_late_field);
  lua_setfield(state, -2, "__newindex");
  host.late_guard = luaL_ref(state, LUA_REGISTRYINDEX);

  // The table behind the globals.
  lua_newtable(state);
  const int globals = lua_gettop(state);
  const auto offer = [&](const char* name) {  // the value on top
    lua_setfield(state, globals, name);
    host.names.emplace_back(name);
  };
  for (const char* name : {"pcall", "xpcall", "tostring", "print", "pairs", "require"}) {
    lua_getfield(state, base, name);
    offer(name);
  }
  for (const char* name : {"assert", "error", "ipairs", "next", "rawequal", "rawget", "rawset", "select",
                           "setmetatable", "getmetatable", "tonumber", "type", "unpack"}) {
    lua_getfield(state, c, name);
    offer(name);
  }
  const auto library = [&](const char* name, int index) {
    lua_pushvalue(state, index);
    answer_missing(state, name);
    guard_table(state, name);
    offer(name);
  };
  library("string", strings);
  library("table", tables);
  library("math", math);
  library("coroutine", coroutines);
  std::sort(host.names.begin(), host.names.end());
  for (const std::string_view name : absent_libraries) {
    lua_newtable(state);
    answer_missing(state, std::string(name).c_str());
    guard_table(state, std::string(name));
    lua_setfield(state, globals, std::string(name).c_str());
  }

  // Text methods: ("x"):rep(3) finds the offered functions. The arithmetic fields 5.4 keeps there stay.
  lua_pushstring(state, "");
  lua_getmetatable(state, -1);
  lua_pushvalue(state, strings);
  lua_setfield(state, -2, "__index");
  lua_pushstring(state, "string");
  lua_setfield(state, -2, "__metatable");
  lua_pop(state, 2);

  lua_newtable(state);
  lua_pushcfunction(state, missing_global);
  lua_setfield(state, -2, "__index");
  lua_setmetatable(state, globals);
  lua_newtable(state);  // the environment itself stays empty
  lua_newtable(state);
  lua_pushlightuserdata(state, &host.marker);
  lua_pushvalue(state, globals);
  lua_rawset(state, -3);
  lua_pushvalue(state, globals);
  lua_setfield(state, -2, "__index");
  lua_pushcfunction(state, refuse_global);
  lua_setfield(state, -2, "__newindex");
  lua_pushstring(state, "globals");
  lua_setfield(state, -2, "__metatable");
  lua_setmetatable(state, -2);
  host.environment = luaL_ref(state, LUA_REGISTRYINDEX);
  lua_pushvalue(state, globals);
  host.globals = luaL_ref(state, LUA_REGISTRYINDEX);
  lua_settop(state, 0);
}

}  // namespace tidewatch
