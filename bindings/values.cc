// Readings into Lua tables, and Lua rows into JSON.

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "bindings/declarations.h"

namespace tidewatch {

namespace {

void set_text(lua_State* L, const char* name, std::string_view text) {
  push_text(L, text);
  lua_setfield(L, -2, name);
}

void set_number(lua_State* L, const char* name, double value) {
  push_number(L, value);
  lua_setfield(L, -2, name);
}

Result<std::string> value_json(lua_State* L, int index, const std::string& key) {
  switch (lua_type(L, index)) {
    case LUA_TSTRING:
      return "\"" + json_escape(text_at(L, index)) + "\"";
    case LUA_TBOOLEAN:
      return std::string(lua_toboolean(L, index) ? "true" : "false");
    case LUA_TNUMBER: {
      const double value = lua_tonumber(L, index);
      if (!std::isfinite(value))
        return invalid("column \"" + key + "\": a row cannot hold " + (std::isnan(value) ? "nan" : "inf") +
                       "; leave the column out for a null");
      return format_number(value);
    }
    default:
      return invalid("column \"" + key + "\": expected a number, text or boolean, got a " + type_name(L, index));
  }
}

}  // namespace

int push_baseline(lua_State* L, const Reading& r) {
  if (!r.baseline) return 0;
  lua_newtable(L);
  set_text(L, "name", r.baseline->name);
  set_number(L, "n", static_cast<double>(r.baseline_n));
  if (r.baseline->to > r.baseline->from) {
    set_number(L, "from", static_cast<double>(r.baseline->from.ns) / 1e9);
    set_number(L, "to", static_cast<double>(r.baseline->to.ns) / 1e9);
  }
  if (!r.baseline->hash.empty()) set_text(L, "hash", r.baseline->hash);
  return 1;
}

void push_reading(lua_State* L, const Reading& r) {
  lua_newtable(L);
  if (r.value)
    set_number(L, "value", *r.value);
  else if (!r.text.empty())
    set_text(L, "value", r.text);
  if (!r.text.empty()) set_text(L, "text", r.text);
  set_number(L, "n", static_cast<double>(r.n));
  set_number(L, "nulls", static_cast<double>(r.nulls));
  set_number(L, "excluded", static_cast<double>(r.excluded));
  set_text(L, "status", name_of(r.status));
  set_text(L, "reason", r.reason);
  set_number(L, "from", static_cast<double>(r.from.ns) / 1e9);
  set_number(L, "to", static_cast<double>(r.to.ns) / 1e9);
  if (r.low) set_number(L, "low", *r.low);
  if (r.high) set_number(L, "high", *r.high);
  if (r.p_value) set_number(L, "p_value", *r.p_value);
  if (push_baseline(L, r)) lua_setfield(L, -2, "baseline");
  if (!r.thresholds.empty()) {
    const ThresholdInForce& t = r.thresholds.back();  // of the worst severity
    lua_newtable(L);
    set_number(L, "asked", t.asked);
    set_number(L, "in_force", t.in_force);
    set_text(L, "false_alarms", t.false_alarms);
    set_number(L, "alpha", t.alpha);
    set_number(L, "inflation", t.inflation);
    set_text(L, "note", t.note);
    lua_setfield(L, -2, "threshold");
  }
  if (!r.coverage) return;
  set_number(L, "coverage", *r.coverage);
  set_number(L, "pending", static_cast<double>(r.pending));
  set_number(L, "leaked", static_cast<double>(r.leaked));
  set_number(L, "relabelled", static_cast<double>(r.relabelled));
}

Result<std::string> row_json(lua_State* L, int index) {
  if (!lua_istable(L, index)) return invalid("expected a row such as { latency_ms = 8 }, got a " + type_name(L, index));
  index = compat_absindex(L, index);
  std::vector<std::pair<std::string, std::string>> columns;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      lua_pop(L, 2);
      return invalid("expected a row with named columns such as { latency_ms = 8 }");
    }
    std::string key(text_at(L, -2));
    auto value = value_json(L, lua_gettop(L), key);
    lua_pop(L, 1);
    if (!value) {
      lua_pop(L, 1);
      return value.error();
    }
    columns.emplace_back(std::move(key), std::move(*value));
  }
  std::sort(columns.begin(), columns.end());
  std::string out = "{";
  for (const auto& [key, value] : columns) out += (out.size() > 1 ? ",\"" : "\"") + json_escape(key) + "\":" + value;
  return out + "}";
}

}  // namespace tidewatch
