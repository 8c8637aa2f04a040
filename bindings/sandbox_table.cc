// The C halves of base and table: ordered keys, next, tonumber, concat, unpack, pack. Each charges the running call for
// work that grows with its input, because the hook counts instructions and sees one C call as one of them.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "bindings/host_state.h"

namespace tidewatch {
namespace {

constexpr std::size_t sort_limit = 50000;  // keys sorted in one C call (about 10 ms); more are sorted in Lua
constexpr int unpack_limit = 7000;         // below the stack either engine grants a C call

// Numbers, strings by byte, booleans.
struct Key {
  int kind = 0;
  double number = 0;
  std::string_view text;
  int place = 0;
};

bool less(const Key& a, const Key& b) {
  if (a.kind != b.kind) return a.kind < b.kind;
  if (a.kind == 1) return a.text < b.text;
  return a.number < b.number;
}

Key key_at(lua_State* state, int index) {
  Key key;
  switch (lua_type(state, index)) {
    case LUA_TNUMBER:
      key.number = lua_tonumber(state, index);
      break;
    case LUA_TSTRING:
      key.kind = 1;
      key.text = text_at(state, index);
      break;
    case LUA_TBOOLEAN:
      key.kind = 2;
      key.number = lua_toboolean(state, index);
      break;
    default:
      raise_error(state, "pairs(): a %s as a key has no order; use numbers, text or booleans as keys",
                  luaL_typename(state, index));
  }
  return key;
}

// Leaves the table behind a guarded proxy, or the table itself, on the stack.
void push_real(lua_State* state, int index) {
  lua_pushvalue(state, index);
  if (lua_getmetatable(state, -1) == 0) return;
  lua_pushlightuserdata(state, &Host::State::of(state).marker);
  lua_rawget(state, -2);
  if (lua_istable(state, -1))
    lua_replace(state, -3);
  else
    lua_pop(state, 1);
  lua_pop(state, 1);
}

// sorted_keys(t) -> keys, count, whether they are in order already, the table to read values from
int sorted_keys(lua_State* state) {
  if (!lua_istable(state, 1)) return raise_error(state, "pairs(): expected a table, got %s", luaL_typename(state, 1));
  lua_settop(state, 1);
  push_real(state, 1);
  const int real = 2;
  std::vector<Key> keys;
  bool ordered = true;
  int count = 0;
  for (lua_pushnil(state); lua_next(state, real) != 0; lua_pop(state, 1)) ++count;
  charge(state, count);
  // Counted first: growing by doubling would leave as much again behind, and LuaJIT does not collect before it fails.
  make_room(state, static_cast<std::size_t>(count) * 2 * 16);
  lua_createtable(state, count, 0);
  count = 0;
  lua_pushnil(state);
  while (lua_next(state, real) != 0) {
    lua_pop(state, 1);
    Key key = key_at(state, -1);
    key.place = ++count;
    if (!keys.empty() && less(key, keys.back())) ordered = false;
    lua_pushvalue(state, -1);
    lua_rawseti(state, 3, count);
    keys.push_back(key);
    if (count % 1000 == 0) charge(state, 2000);
  }
  const bool sort_here = !ordered && keys.size() <= sort_limit;
  if (sort_here) {
    charge(state, count * 4);
    std::sort(keys.begin(), keys.end(), less);
    lua_createtable(state, count, 0);
    for (int i = 0; i < count; ++i) {
      lua_rawgeti(state, 3, keys[static_cast<std::size_t>(i)].place);
      lua_rawseti(state, -2, i + 1);
    }
  } else {
    lua_pushvalue(state, 3);
  }
  lua_pushinteger(state, count);
  lua_pushboolean(state, ordered || sort_here);
  lua_pushvalue(state, real);
  return 4;
}

int key_less(lua_State* state) {
  lua_pushboolean(state, less(key_at(state, 1), key_at(state, 2)));
  return 1;
}

// next(t): the first field in the order of pairs, or nil: for "is it empty" and "take any".
int first_field(lua_State* state) {
  if (!lua_istable(state, 1)) return raise_error(state, "next(): expected a table, got %s", luaL_typename(state, 1));
  if (!lua_isnoneornil(state, 2))
    return raise_error(state, "next() takes one argument in a pack; use pairs to walk a table");
  lua_settop(state, 1);
  push_real(state, 1);
  lua_pushnil(state);  // 3: the best key so far
  bool found = false;
  int count = 0;
  lua_pushnil(state);
  while (lua_next(state, 2) != 0) {
    lua_pop(state, 1);
    if (!found || less(key_at(state, -1), key_at(state, 3))) {
      lua_pushvalue(state, -1);
      lua_replace(state, 3);
      found = true;
    }
    if (++count % 1000 == 0) charge(state, 2000);
  }
  if (!found) {
    lua_pushnil(state);
    return 1;
  }
  charge(state, count);
  lua_pushvalue(state, 3);
  lua_pushvalue(state, 3);
  lua_rawget(state, 2);
  return 2;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

// tonumber(value [, base]): decimal and hexadecimal as Lua writes them; not "inf", "nan" or "0b1", which only one
// engine would read.
int to_number(lua_State* state) {
  luaL_checkany(state, 1);
  if (lua_type(state, 1) == LUA_TNUMBER && lua_isnoneornil(state, 2)) {
    lua_settop(state, 1);
    return 1;
  }
  std::string_view text = text_at(state, 1);
  charge(state, static_cast<std::int64_t>(text.size()));
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  const bool negative = !text.empty() && text.front() == '-';
  std::string_view body = text;
  if (!body.empty() && (body.front() == '-' || body.front() == '+')) body.remove_prefix(1);
  lua_settop(state, 2);
  if (!lua_isnil(state, 2)) {
    const double base = luaL_checknumber(state, 2);
    if (base != std::floor(base) || base < 2 || base > 36)
      return raise_error(state, "tonumber(): argument 2: expected a base from 2 to 36");
    if (base == 16 && body.size() > 2 && body[0] == '0' && (body[1] == 'x' || body[1] == 'X')) body.remove_prefix(2);
    double value = 0;
    for (const char c : body) {
      if (digit_of(c) >= base) body = {};
      value = value * base + digit_of(c);
    }
    if (body.empty())
      lua_pushnil(state);
    else
      push_number(state, negative ? -value : value);
    return 1;
  }
  const bool hexadecimal = body.size() > 2 && body[0] == '0' && (body[1] == 'x' || body[1] == 'X');
  const std::string_view allowed = hexadecimal ? "0123456789abcdefABCDEFxXpP+-." : "0123456789eE+-.";
  char* end = nullptr;
  const std::string copy(body);
  const bool shaped = !body.empty() && body.size() < 400 && body[0] != '+' && body[0] != '-' &&
                      body.find_first_not_of(allowed) == std::string_view::npos;
  const double value = shaped ? std::strtod(copy.c_str(), &end) : 0;
  if (!shaped || end != copy.c_str() + copy.size())
    lua_pushnil(state);
  else
    push_number(state, negative ? -value : value);
  return 1;
}

void refuse_size(lua_State* state, const char* what) {
  raise_error(state, "%s: the result would be over the limit of %d bytes", what,
              static_cast<int>(Host::State::of(state).allocator.block_cap()));
}

int concat(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  std::size_t glue_length = 0;
  const char* glue = luaL_optlstring(state, 2, "", &glue_length);
  const double from = luaL_optnumber(state, 3, 1);
  const double to =
      lua_isnoneornil(state, 4) ? static_cast<double>(compat_rawlen(state, 1)) : luaL_checknumber(state, 4);
  const std::size_t limit = Host::State::of(state).allocator.block_cap();
  std::string text;
  lua_settop(state, 4);
  for (double i = from; i <= to; ++i) {
    if (i < -2e9 || i > 2e9) return raise_error(state, "table.concat(): the range %f to %f is too far", from, to);
    lua_rawgeti(state, 1, static_cast<int>(i));
    if (lua_type(state, -1) != LUA_TSTRING && lua_type(state, -1) != LUA_TNUMBER)
      return raise_error(state, "table.concat(): item %d: expected text or a number, got %s", static_cast<int>(i),
                         luaL_typename(state, -1));
    std::size_t length = 0;
    const char* item = lua_tolstring(state, -1, &length);
    if (text.size() + length + glue_length + 64 > limit) refuse_size(state, "table.concat()");
    text.append(item, length);
    if (i < to) text.append(glue, glue_length);
    lua_pop(state, 1);
    charge(state, 2 + static_cast<std::int64_t>(length / 16));
  }
  make_room(state, text.size());
  push_text(state, text);
  return 1;
}

int unpack(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  const double from = luaL_optnumber(state, 2, 1);
  const double to =
      lua_isnoneornil(state, 3) ? static_cast<double>(compat_rawlen(state, 1)) : luaL_checknumber(state, 3);
  if (!(from <= to)) return 0;
  if (to - from >= unpack_limit || from < -2e9 || to > 2e9)
    return raise_error(state, "unpack(): too many results; at most %d", unpack_limit);
  const int count = static_cast<int>(to - from) + 1;
  luaL_checkstack(state, count, "too many results to unpack");
  charge(state, count);
  for (int i = 0; i < count; ++i) lua_rawgeti(state, 1, static_cast<int>(from) + i);
  return count;
}

int pack(lua_State* state) {
  const int count = lua_gettop(state);
  lua_createtable(state, count, 1);
  lua_insert(state, 1);
  for (int i = count; i >= 1; --i) lua_rawseti(state, 1, i);
  lua_pushinteger(state, count);
  lua_setfield(state, 1, "n");
  return 1;
}

#ifndef TIDEWATCH_LUAJIT
// 5.4's own ipairs asks metamethods, LuaJIT's does not.
int ipairs_step(lua_State* state) {
  const lua_Integer next = lua_tointeger(state, 2) + 1;
  lua_pushinteger(state, next);
  lua_rawgeti(state, 1, next);
  return lua_isnil(state, -1) ? 1 : 2;
}
int raw_ipairs(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  lua_pushcfunction(state, ipairs_step);
  lua_pushvalue(state, 1);
  lua_pushinteger(state, 0);
  return 3;
}
#endif

}  // namespace

void push_table_functions(lua_State* state) {
  static constexpr luaL_Reg functions[] = {{"sorted_keys", sorted_keys}, {"key_less", key_less}, {"concat", concat},
                                           {"unpack", unpack},           {"pack", pack},         {nullptr, nullptr}};
  lua_newtable(state);
  compat_setfuncs(state, functions);
}

void push_base_functions(lua_State* state) {
  static constexpr luaL_Reg functions[] = {
      {"next", first_field}, {"tonumber", to_number}, {"unpack", unpack}, {nullptr, nullptr}};
  lua_newtable(state);
  compat_setfuncs(state, functions);
#ifndef TIDEWATCH_LUAJIT
  lua_pushcfunction(state, raw_ipairs);
  lua_setglobal(state, "ipairs");
#endif
}

}  // namespace tidewatch
