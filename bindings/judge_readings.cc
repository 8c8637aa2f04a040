#include "bindings/judge_readings.h"

#include <algorithm>

#include "base/text.h"
#include "bindings/declarations.h"
#include "bindings/host_state.h"

namespace tidewatch {

namespace {

int push_optional(lua_State* L, const std::optional<double>& value) {
  if (!value) return 0;
  push_number(L, *value);
  return 1;
}

int push_count(lua_State* L, std::uint64_t count) {
  push_number(L, static_cast<double>(count));
  return 1;
}

int push_words(lua_State* L, std::string_view text) {
  push_text(L, text);
  return 1;
}

// A misspelt field that read as nil would make a rule that is never true.
int refuse_name(lua_State* L, std::string_view name) {
  static const std::vector<std::string> known = {"value",    "n",        "status",  "text",   "reason",    "nulls",
                                                 "excluded", "from",     "to",      "low",    "high",      "p_value",
                                                 "baseline", "coverage", "pending", "leaked", "relabelled"};
  luaL_where(L, 1);
  push_text(L, "a reading has no \"" + std::string(name) + "\"" + did_you_mean(name, known));
  lua_concat(L, 2);
  return lua_error(L);
}

// (reading, name) -> the field, nil when it has none. The same fields as push_reading() gives a test.
int field_of_reading(lua_State* L) {
  const auto* const place = static_cast<const Reading* const*>(lua_touserdata(L, 1));
  if (!*place) return luaL_error(L, "this reading was kept after its evaluation; keep the values you need instead");
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  const Reading& r = **place;
  const std::string_view name = text_at(L, 2);
  if (name == "value") return r.value || r.text.empty() ? push_optional(L, r.value) : push_words(L, r.text);
  if (name == "n") return push_count(L, r.n);
  if (name == "status") return push_words(L, name_of(r.status));
  if (name == "text") return r.text.empty() ? 0 : push_words(L, r.text);
  if (name == "reason") return push_words(L, r.reason);
  if (name == "nulls") return push_count(L, r.nulls);
  if (name == "excluded") return push_count(L, r.excluded);
  if (name == "from") return push_optional(L, static_cast<double>(r.from.ns) / 1e9);
  if (name == "to") return push_optional(L, static_cast<double>(r.to.ns) / 1e9);
  if (name == "low") return push_optional(L, r.low);
  if (name == "high") return push_optional(L, r.high);
  if (name == "p_value") return push_optional(L, r.p_value);
  if (name == "baseline") return push_baseline(L, r);
  // What follows is of joined streams.
  if (name == "coverage") return push_optional(L, r.coverage);
  if (name == "pending") return r.coverage ? push_count(L, r.pending) : 0;
  if (name == "leaked") return r.coverage ? push_count(L, r.leaked) : 0;
  if (name == "relabelled") return r.coverage ? push_count(L, r.relabelled) : 0;
  return refuse_name(L, name);
}

int refuse_change(lua_State* L) { return luaL_error(L, "a reading cannot be changed; keep what you need in a local"); }

}  // namespace

void JudgeReadings::add(lua_State* L) {
  if (!type_) {
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, field_of_reading);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_change);
    lua_setfield(L, -2, "__newindex");
    lua_pushliteral(L, "reading");
    lua_setfield(L, -2, "__metatable");
    type_ = Ref(L);
  }
  Shown made;
  made.reading = static_cast<const Reading**>(lua_newuserdata(L, sizeof(const Reading*)));
  *made.reading = nullptr;
  type_.push();
  lua_setmetatable(L, -2);
  made.object = Ref(L);
  shown_.push_back(std::move(made));
}

const JudgeReadings::Table& JudgeReadings::table_for(
    lua_State* L, int function, std::span<const std::pair<std::string_view, const Reading*>> inputs) {
  const auto fits = [inputs](const Table& table) {
    return std::equal(table.names.begin(), table.names.end(), inputs.begin(), inputs.end(),
                      [](const std::string& name, const auto& input) { return name == input.first; });
  };
  const auto at = static_cast<std::size_t>(function);
  if (at >= table_of_.size()) table_of_.resize(at + 1, SIZE_MAX);
  if (table_of_[at] < tables_.size() && fits(tables_[table_of_[at]])) return tables_[table_of_[at]];
  const auto known = std::find_if(tables_.begin(), tables_.end(), fits);
  table_of_[at] = static_cast<std::size_t>(known - tables_.begin());
  if (known != tables_.end()) return *known;
  while (shown_.size() < inputs.size()) add(L);
  Table made;
  lua_createtable(L, 0, static_cast<int>(inputs.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    made.names.emplace_back(inputs[i].first);
    push_text(L, inputs[i].first);
    shown_[i].object.push();
    lua_rawset(L, -3);
  }
  guard_table(L, "the table of readings");
  made.object = Ref(L);
  return tables_.emplace_back(std::move(made));
}

void JudgeReadings::push(lua_State* L, int function,
                         std::span<const std::pair<std::string_view, const Reading*>> inputs) {
  const Table& table = table_for(L, function, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) *shown_[i].reading = inputs[i].second;
  open_ = inputs.size();
  table.object.push();
}

void JudgeReadings::close() {
  for (std::size_t i = 0; i < open_; ++i) *shown_[i].reading = nullptr;
  open_ = 0;
}

}  // namespace tidewatch
