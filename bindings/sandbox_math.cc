// math over doubles, so that both engines answer alike: 5.4's own would keep integers, wrap them, and raise where
// LuaJIT answers nan. math.random is xorshift64* from the seed the engine gives: the same draws in every replay.
#include <algorithm>
#include <cmath>
#include <limits>

#include "bindings/host_state.h"

namespace tidewatch {
namespace {

template <double (*function)(double)>
int of_one(lua_State* state) {
  push_number(state, function(luaL_checknumber(state, 1)));
  return 1;
}

int fmod_of(lua_State* state) {
  push_number(state, std::fmod(luaL_checknumber(state, 1), luaL_checknumber(state, 2)));
  return 1;
}

int atan_of(lua_State* state) {
  push_number(state, std::atan2(luaL_checknumber(state, 1), luaL_optnumber(state, 2, 1)));
  return 1;
}

int log_of(lua_State* state) {
  const double x = luaL_checknumber(state, 1);
  if (lua_isnoneornil(state, 2)) {
    push_number(state, std::log(x));
    return 1;
  }
  const double base = luaL_checknumber(state, 2);
  push_number(state, base == 2 ? std::log2(x) : base == 10 ? std::log10(x) : std::log(x) / std::log(base));
  return 1;
}

int modf_of(lua_State* state) {
  const double x = luaL_checknumber(state, 1);
  const double whole = x < 0 ? std::ceil(x) : std::floor(x);
  push_number(state, whole);
  push_number(state, std::isinf(x) ? 0 : x - whole);
  return 2;
}

int extreme(lua_State* state, bool greatest) {
  const int count = lua_gettop(state);
  double best = luaL_checknumber(state, 1);
  for (int i = 2; i <= count; ++i) {
    const double x = luaL_checknumber(state, i);
    if (greatest ? x > best : x < best) best = x;
  }
  push_number(state, best);
  return 1;
}
int max_of(lua_State* state) { return extreme(state, true); }
int min_of(lua_State* state) { return extreme(state, false); }

int random_of(lua_State* state) {
  std::uint64_t& x = Host::State::of(state).random_state;
  if (x == 0) x = 0x9e3779b97f4a7c15ull;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  const double unit = static_cast<double>((x * 0x2545f4914f6cdd1dull) >> 11) * 0x1.0p-53;  // [0, 1)
  if (lua_gettop(state) == 0) {
    lua_pushnumber(state, unit);
    return 1;
  }
  const double first = luaL_checknumber(state, 1);
  const double low = lua_isnoneornil(state, 2) ? 1 : first;
  const double high = lua_isnoneornil(state, 2) ? first : luaL_checknumber(state, 2);
  if (low != std::floor(low) || high != std::floor(high) || !(low <= high) || high - low >= 9007199254740992.0)
    return luaL_error(state, "math.random(): expected whole numbers, the first not above the second");
  push_number(state, low + std::floor(unit * (high - low + 1)));
  return 1;
}

}  // namespace

void push_math_functions(lua_State* state) {
  static constexpr luaL_Reg functions[] = {{"abs", of_one<std::fabs>},
                                           {"acos", of_one<std::acos>},
                                           {"asin", of_one<std::asin>},
                                           {"atan", atan_of},
                                           {"ceil", of_one<std::ceil>},
                                           {"cos", of_one<std::cos>},
                                           {"exp", of_one<std::exp>},
                                           {"floor", of_one<std::floor>},
                                           {"fmod", fmod_of},
                                           {"log", log_of},
                                           {"max", max_of},
                                           {"min", min_of},
                                           {"modf", modf_of},
                                           {"random", random_of},
                                           {"sin", of_one<std::sin>},
                                           {"sqrt", of_one<std::sqrt>},
                                           {"tan", of_one<std::tan>},
                                           {nullptr, nullptr}};
  lua_newtable(state);
  compat_setfuncs(state, functions);
  lua_pushnumber(state, std::numeric_limits<double>::infinity());
  lua_setfield(state, -2, "huge");
  lua_pushnumber(state, 3.14159265358979323846);
  lua_setfield(state, -2, "pi");
}

}  // namespace tidewatch
