// One source for two engines: LuaJIT 2.1 (JIT off) and PUC Lua 5.4 built as C++. The only file that includes lua.h;
// the handful of calls that differ get one name here. PUC comes as lua5.4-c++ and without lua.hpp, whose extern "C"
// does not link against it; the plain C build is refused because it would skip destructors when an error passes.
#pragma once

#include <cmath>
#include <cstddef>
#include <string_view>

#ifdef __has_include
#if __has_include(<luajit.h>)
#define TIDEWATCH_LUAJIT 1
#endif
#endif

#ifdef TIDEWATCH_LUAJIT
extern "C" {
#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>
}
#else
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#endif

#if !defined(TIDEWATCH_LUAJIT) && LUA_VERSION_NUM != 504
#error "Tidewatch builds against LuaJIT 2.1 or Lua 5.4"
#endif

namespace tidewatch {

// Resumes `thread` with `arguments` values on its stack; `results` is how many it yielded or returned (on its stack).
inline int compat_resume(lua_State* thread, lua_State* from, int arguments, int* results) {
#ifdef TIDEWATCH_LUAJIT
  (void)from;
  const int status = lua_resume(thread, arguments);
  *results = lua_gettop(thread);
  return status;
#else
  return lua_resume(thread, from, arguments, results);
#endif
}

// Raw length of the table, string or userdata at `index`.
inline std::size_t compat_rawlen(lua_State* state, int index) {
#ifdef TIDEWATCH_LUAJIT
  return lua_objlen(state, index);
#else
  return static_cast<std::size_t>(lua_rawlen(state, index));
#endif
}

// Sets the functions of a list ended by {nullptr, nullptr} into the table on top, `upvalues` shared by all and popped.
inline void compat_setfuncs(lua_State* state, const luaL_Reg* functions, int upvalues = 0) {
  luaL_checkstack(state, upvalues + 1, "too many upvalues");
  for (; functions->name != nullptr; ++functions) {
    for (int i = 0; i < upvalues; ++i) lua_pushvalue(state, -upvalues);
    lua_pushcclosure(state, functions->func, upvalues);
    lua_setfield(state, -(upvalues + 2), functions->name);
  }
  lua_pop(state, upvalues);
}

// Pops a table and makes it the environment of the freshly loaded chunk now on top.
inline void compat_setenv(lua_State* state) {
#ifdef TIDEWATCH_LUAJIT
  lua_setfenv(state, -2);
#else
  if (lua_setupvalue(state, -2, 1) == nullptr) lua_pop(state, 1);
#endif
}

// An absolute stack index.
inline int compat_absindex(lua_State* state, int index) {
  return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(state) + index + 1;
}

// A number that reads the same on both engines: a whole one within 2^53 is an integer on 5.4, so 3 .. "" is "3".
inline void push_number(lua_State* state, double value) {
#ifndef TIDEWATCH_LUAJIT
  if (value >= -9007199254740992.0 && value <= 9007199254740992.0 && std::floor(value) == value &&
      !(value == 0 && std::signbit(value))) {
    lua_pushinteger(state, static_cast<lua_Integer>(value));
    return;
  }
#endif
  lua_pushnumber(state, value);
}

inline void push_text(lua_State* state, std::string_view text) { lua_pushlstring(state, text.data(), text.size()); }

// The text of a string (not a number) at `index`; empty otherwise. Valid while the value stays on the stack.
inline std::string_view text_at(lua_State* state, int index) {
  if (lua_type(state, index) != LUA_TSTRING) return {};
  std::size_t length = 0;
  const char* text = lua_tolstring(state, index, &length);
  return {text, length};
}

// Whether the running coroutine may yield here. LuaJIT cannot say beforehand; there a refused yield raises its own
// error.
inline bool compat_isyieldable(lua_State* state) {
  const bool main_thread = lua_pushthread(state) != 0;
  lua_pop(state, 1);
#ifdef TIDEWATCH_LUAJIT
  return !main_thread;
#else
  return !main_thread && lua_isyieldable(state) != 0;
#endif
}

}  // namespace tidewatch
