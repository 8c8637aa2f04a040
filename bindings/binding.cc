#include "bindings/binding.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "bindings/declarations.h"

namespace tidewatch {

namespace {

const char declarations_key = 0;

// Words people bring from other tools where no single field is meant; the rest stand as aliases beside their field.
const std::map<std::string, std::string> words_from_elsewhere = {
    {"threshold", "above(x)"}, {"for_", ":lasting \"5m\""}, {"duration", ":lasting \"5m\""},
    {"operator", "above(x)"},  {"comparison", "above(x)"},  {"keep_firing_for", ":keep_firing \"5m\""},
};

std::string quoted(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& n : names) out += (out.empty() ? "\"" : " or \"") + n + "\"";
  return out;
}

std::string choices_text(const std::vector<std::string>& choices) {
  std::string out;
  for (std::size_t i = 0; i < choices.size(); ++i)
    out += (i == 0 ? "\"" : i + 1 == choices.size() ? " or \"" : ", \"") + choices[i] + "\"";
  return out;
}

bool may_run(const Entry& entry, Context context) {
  return entry.contexts.empty() ||
         std::find(entry.contexts.begin(), entry.contexts.end(), context) != entry.contexts.end();
}

std::string where_it_works(const Entry& entry) {
  std::string out;
  for (std::size_t i = 0; i < entry.contexts.size(); ++i) {
    if (i) out += i + 1 == entry.contexts.size() ? " or " : ", ";
    out +=
        entry.contexts[i] == Context::load ? "while a pack loads" : "in a " + std::string(name_of(entry.contexts[i]));
  }
  return out;
}

std::string here(Context context) {
  return context == Context::load ? "while a pack loads" : "in a " + std::string(name_of(context));
}

}  // namespace

Declarations& declarations_of(lua_State* state) {
  lua_pushlightuserdata(state, const_cast<char*>(&declarations_key));
  lua_rawget(state, LUA_REGISTRYINDEX);
  auto* out = static_cast<Declarations*>(lua_touserdata(state, -1));
  lua_pop(state, 1);
  return *out;
}

Call::Call(lua_State* lua_state, const Entry* of) : state(lua_state), entry(of), pack(declarations_of(lua_state)) {}

bool Call::collects() const { return pack.host.context() == Context::load; }

Place Call::place() const {
  Place out;
  if (entry) out.call = entry->name;
  lua_Debug frame{};
  for (int level = 0; level < 16 && lua_getstack(state, level, &frame); ++level) {
    lua_getinfo(state, "Sl", &frame);
    if (frame.currentline <= 0) continue;
    const std::string_view source = frame.source;
    // Where a pack calls a stock pack, its author looks at the call and not at our lines.
    const bool is_stock = source.find("tidewatch.") <= 1 && source.find('/') == std::string_view::npos;
    if (is_stock && out.line > 0) continue;
    out.file = source.empty() ? "" : std::string(source.substr(source[0] == '=' || source[0] == '@' ? 1 : 0));
    out.line = frame.currentline;
    if (!is_stock) break;
  }
  return out;
}

static std::string with_article(const std::string& name) {
  return (std::string_view("aeiou").find(name[0]) != std::string_view::npos ? "an " : "a ") + name;
}

std::string type_name(lua_State* state, int index) {
  if (lua_type(state, index) == LUA_TUSERDATA && lua_getmetatable(state, index)) {
    lua_getfield(state, -1, "__metatable");
    std::string name(text_at(state, -1));
    lua_pop(state, 2);
    if (!name.empty()) return name;
  }
  return lua_typename(state, lua_type(state, index));
}

bool Call::is_closed(int index) const {
  if (lua_type(state, index) != LUA_TUSERDATA) return false;
  const auto closed = [&]<typename T>(const T* type) {
    return is_userdata_of(state, index, &Object<T>::key) &&
           pack.pool(type).get(*static_cast<Handle*>(lua_touserdata(state, index))) == nullptr;
  };
  return closed(static_cast<VerdictObject*>(nullptr)) || closed(static_cast<TestObject*>(nullptr)) ||
         closed(static_cast<AlertObject*>(nullptr)) || closed(static_cast<ExpectObject*>(nullptr)) ||
         closed(static_cast<SimulationObject*>(nullptr));
}

std::string Call::describe(int index) const {
  switch (lua_type(state, index)) {
    case LUA_TNIL:
    case LUA_TNONE:
      return "nothing";
    case LUA_TNUMBER:
      return "number " + format_number(lua_tonumber(state, index));
    case LUA_TBOOLEAN:
      return lua_toboolean(state, index) ? "true" : "false";
    case LUA_TSTRING: {
      std::string s = text(index);
      if (s.size() > 40) s = s.substr(0, 37) + "...";
      return "\"" + s + "\"";
    }
    default: {
      const std::string name = type_name(state, index);
      return with_article(name) + (is_closed(index) ? " of a call that is over" : "");
    }
  }
}

SourceMap Call::source_map(const Place& place) const {
  const std::string* text = find_source(pack.host.sources(), place.file);
  return SourceMap(text ? std::string_view(*text) : std::string_view());
}

void Call::complain(const Place& place, Span span, std::string path, std::string what, std::string expected,
                    std::string got, std::string nearest) {
  Problem p;
  p.file = place.file;
  p.line = span.line ? span.line : place.line;
  p.column = span.column;
  p.length = span.length;
  p.path = std::move(path);
  p.what = std::move(what);
  p.expected = std::move(expected);
  p.got = std::move(got);
  p.nearest = std::move(nearest);
  if (collects()) {
    pack.problems.add(std::move(p));
    return;
  }
  p.file.clear();
  p.line = 0;
  throw Misuse(p.text());
}

void Call::complain_argument(int number, std::string expected) {
  const Place at = place();
  const bool is_method = entry && !entry->owner.empty();
  const std::string got = describe(number + (is_method ? 1 : 0));
  complain(at, source_map(at).argument(at.line, at.call, number), entry ? entry->signature() : "", "",
           std::move(expected), got);
}

std::optional<std::string> Call::need_text(int index, int number, std::string expected) {
  if (is_text(index)) return text(index);
  complain_argument(number, std::move(expected));
  return std::nullopt;
}

std::optional<double> Call::need_number(int index, int number) {
  if (lua_type(state, index) == LUA_TNUMBER && std::isfinite(lua_tonumber(state, index)))
    return lua_tonumber(state, index);
  complain_argument(number, "a number");
  return std::nullopt;
}

std::optional<Duration> Call::need_duration(int index, int number) {
  if (!is_text(index)) {
    const Place at = place();
    std::string near;
    if (lua_type(state, index) == LUA_TNUMBER) near = "\"" + format_number(lua_tonumber(state, index)) + "s\"";
    complain(at, source_map(at).argument(at.line, at.call, number), entry ? entry->signature() : "", "",
             "a duration such as \"5m\"", describe(index), near);
    return std::nullopt;
  }
  auto parsed = parse_duration(text(index));
  if (parsed) return *parsed;
  const Place at = place();
  complain(at, source_map(at).argument(at.line, at.call, number), entry ? entry->signature() : "", parsed.error().text);
  return std::nullopt;
}

Fields::Fields(Call& call, int index, const Entry& entry, Place place, std::string path, bool has_list)
    : call_(call), index_(index), entry_(entry), place_(std::move(place)), path_(std::move(path)) {
  lua_State* L = call_.state;
  if (index_ > lua_gettop(L) || lua_isnil(L, index_)) {
    index_ = 0;
  } else if (!lua_istable(L, index_)) {
    call_.complain(place_, call_.source_map(place_).call(place_.line, place_.call, place_.name), path_, "",
                   "a table of options such as { over = \"5m\" }", call_.describe(index_));
    index_ = 0;
    is_good_ = false;
    return;
  }
  std::vector<std::string> unknowns;
  bool has_odd_key = false;
  if (index_) {
    lua_pushnil(L);
    while (lua_next(L, index_)) {
      lua_pop(L, 1);
      if (lua_type(L, -1) == LUA_TSTRING) {
        const std::string key(text_at(L, -1));
        if (!entry_.find_field(key)) unknowns.push_back(key);
      } else if (!has_list) {
        has_odd_key = true;
      }
    }
  }
  std::sort(unknowns.begin(), unknowns.end());
  for (const auto& u : unknowns) unknown(u);
  if (has_odd_key) {
    is_good_ = false;
    call_.complain(
        place_, call_.source_map(place_).call(place_.line, place_.call, place_.name), path_, "",
        "named fields such as " + (entry_.field_names().empty() ? "name" : entry_.field_names()[0]) + " = ...",
        "a value without a name");
  }
  for (const auto& p : entry_.params)
    if (p.is_field && p.is_required && !has(p.name.c_str())) {
      is_good_ = false;
      call_.complain(place_, call_.source_map(place_).call(place_.line, place_.call, place_.name), path_,
                     "missing field \"" + p.name + "\" (" + p.type + ")");
    }
}

void Fields::unknown(const std::string& field) {
  is_good_ = false;
  std::string near;
  for (const auto& p : entry_.params)
    if (std::find(p.aliases.begin(), p.aliases.end(), field) != p.aliases.end()) near = "\"" + p.name + "\"";
  if (near.empty())
    if (const auto it = words_from_elsewhere.find(field); it != words_from_elsewhere.end()) near = it->second;
  if (near.empty()) {
    const auto names = entry_.field_names();
    near = quoted(nearest_names(field, names));
  }
  call_.complain(place_, call_.source_map(place_).field(place_.line, place_.call, place_.name, field), path_,
                 "unknown field \"" + field + "\"", "", "", near);
}

bool Fields::push(const char* name) const {
  if (!index_) return false;
  lua_pushstring(call_.state, name);
  lua_rawget(call_.state, index_);
  if (!lua_isnil(call_.state, -1)) return true;
  lua_pop(call_.state, 1);
  return false;
}

bool Fields::has(const char* name) const {
  if (!push(name)) return false;
  lua_pop(call_.state, 1);
  return true;
}

void Fields::wrong(const char* name, std::string what, std::string expected, std::string got, std::string nearest) {
  is_good_ = false;
  call_.complain(place_, call_.source_map(place_).value(place_.line, place_.call, place_.name, name),
                 path_ + "." + name, std::move(what), std::move(expected), std::move(got), std::move(nearest));
}

void Fields::wrong(const char* name, std::string expected) {
  std::string got = "nothing";
  if (push(name)) {
    got = call_.describe(lua_gettop(call_.state));
    lua_pop(call_.state, 1);
  }
  wrong(name, "", std::move(expected), std::move(got));
}

void Fields::wrong_text(const char* name, std::string what) { wrong(name, std::move(what), "", ""); }

std::optional<std::string> Fields::text(const char* name) {
  if (!push(name)) return std::nullopt;
  const bool is_text = lua_type(call_.state, -1) == LUA_TSTRING;
  std::string value(text_at(call_.state, -1));
  lua_pop(call_.state, 1);
  const Param* param = entry_.find_field(name);
  const auto& choices = param ? param->choices : std::vector<std::string>{};
  if (!is_text) {
    wrong(name, choices.empty() ? "a text" : choices_text(choices));
    return std::nullopt;
  }
  if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
    wrong(name, "", choices_text(choices), "\"" + value + "\"", quoted(nearest_names(value, choices)));
    return std::nullopt;
  }
  return value;
}

std::optional<double> Fields::number(const char* name) {
  if (!push(name)) return std::nullopt;
  const bool is_number = lua_type(call_.state, -1) == LUA_TNUMBER;
  const double value = lua_tonumber(call_.state, -1);
  lua_pop(call_.state, 1);
  if (is_number && std::isfinite(value)) return value;
  wrong(name, "a number");
  return std::nullopt;
}

std::optional<std::uint64_t> Fields::whole(const char* name, std::uint64_t least, std::uint64_t most) {
  if (!push(name)) return std::nullopt;
  const bool is_number = lua_type(call_.state, -1) == LUA_TNUMBER;
  const double value = lua_tonumber(call_.state, -1);
  lua_pop(call_.state, 1);
  if (is_number && value == std::floor(value) && value >= static_cast<double>(least) &&
      value <= static_cast<double>(most))
    return static_cast<std::uint64_t>(value);
  wrong(name, "a whole number from " + std::to_string(least) + " to " + with_thousands(most));
  return std::nullopt;
}

std::optional<bool> Fields::boolean(const char* name) {
  if (!push(name)) return std::nullopt;
  const bool is_boolean = lua_isboolean(call_.state, -1);
  const bool value = lua_toboolean(call_.state, -1) != 0;
  lua_pop(call_.state, 1);
  if (is_boolean) return value;
  wrong(name, "true or false");
  return std::nullopt;
}

std::optional<Duration> Fields::duration(const char* name) {
  if (!push(name)) return std::nullopt;
  const int type = lua_type(call_.state, -1);
  const double number = lua_tonumber(call_.state, -1);
  const std::string value(text_at(call_.state, -1));
  lua_pop(call_.state, 1);
  if (type == LUA_TNUMBER) {
    wrong(name, "", "a duration such as \"5m\"", "number " + format_number(number),
          "\"" + format_number(number) + "s\"");
    return std::nullopt;
  }
  if (type != LUA_TSTRING) {
    wrong(name, "a duration such as \"5m\"");
    return std::nullopt;
  }
  auto parsed = parse_duration(value);
  if (parsed) return *parsed;
  wrong_text(name, parsed.error().text);
  return std::nullopt;
}

std::optional<Instant> Fields::instant(const char* name, const std::string& zone) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  auto parsed = parse_instant(*value, zone);
  if (parsed) return *parsed;
  wrong_text(name, parsed.error().text);
  return std::nullopt;
}

std::vector<std::string> Fields::texts(const char* name) {
  std::vector<std::string> out;
  if (!push(name)) return out;
  lua_State* L = call_.state;
  bool is_good = true;
  if (lua_type(L, -1) == LUA_TSTRING) {
    out.emplace_back(text_at(L, -1));
  } else if (lua_istable(L, -1)) {
    for (int i = 1; is_good; ++i) {
      lua_rawgeti(L, -1, i);
      if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        break;
      }
      is_good = lua_type(L, -1) == LUA_TSTRING;
      out.emplace_back(text_at(L, -1));
      lua_pop(L, 1);
    }
    if (out.empty()) is_good = false;
  } else {
    is_good = false;
  }
  lua_pop(L, 1);
  if (is_good) return out;
  wrong(name, "a text or a list of texts");
  return {};
}

std::vector<std::pair<std::string, std::string>> Fields::text_map(const char* name) {
  std::vector<std::pair<std::string, std::string>> out;
  if (!push(name)) return out;
  lua_State* L = call_.state;
  bool is_good = lua_istable(L, -1);
  if (is_good) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
      is_good = is_good && lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING;
      if (is_good) out.emplace_back(text_at(L, -2), text_at(L, -1));
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
  if (!is_good) {
    wrong(name, "a table of texts such as { region = \"eu\" }");
    return {};
  }
  std::sort(out.begin(), out.end());
  return out;
}

int run_entry(lua_State* state) {
  char text[1024];
  try {
    const auto* entry = static_cast<const Entry*>(lua_touserdata(state, lua_upvalueindex(1)));
    Call call(state, entry);
    const Context context = call.pack.host.context();
    if (!may_run(*entry, context))
      throw Misuse(entry->name + "() works " + where_it_works(*entry) + ", not " + here(context));
    if (!entry->body) return entry->function(call);
    // A declaration: a name now, its table in the call that follows.
    const auto name = call.need_text(1, 1, "a name, as in " + entry->signature());
    Declarer declarer{entry, name.value_or(""), call.place(), false};
    declarer.place.name = declarer.name;
    if (name && name->empty()) call.complain_argument(1, "a name of at least one letter");
    if (call.is_table(2)) {
      declarer.is_done = true;
      const int results = entry->body(call, declarer, 2);
      if (entry->name != "baseline") return results;
    }
    Object<Declarer>::push(call, declarer);
    return 1;
  } catch (const std::exception& e) {
    const std::string_view what = e.what();
    const std::size_t n = std::min(what.size(), sizeof text - 1);
    what.copy(text, n);
    text[n] = '\0';
  }
  luaL_where(state, 1);
  lua_pushstring(state, text);
  lua_concat(state, 2);
  return lua_error(state);
}

bool is_userdata_of(lua_State* state, int index, const void* key) {
  if (lua_type(state, index) != LUA_TUSERDATA || !lua_getmetatable(state, index)) return false;
  lua_pushlightuserdata(state, const_cast<void*>(key));
  lua_rawget(state, LUA_REGISTRYINDEX);
  const bool same = lua_rawequal(state, -1, -2) != 0;
  lua_pop(state, 2);
  return same;
}

void push_userdata(lua_State* state, Handle handle, const void* key) {
  *static_cast<Handle*>(lua_newuserdata(state, sizeof(Handle))) = handle;
  lua_pushlightuserdata(state, const_cast<void*>(key));
  lua_rawget(state, LUA_REGISTRYINDEX);
  lua_setmetatable(state, -2);
}

namespace {

// What a type does with a name it does not have: stack is (object, name). nullptr: an error with the nearest method.
struct TypeInfo {
  const char* name;
  const void* key;
  int (*missing)(Call&);
};

int index_method(Call& call) {
  lua_State* L = call.state;
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (!lua_isnil(L, -1)) return 1;
  lua_pop(L, 1);
  const auto* type = static_cast<const TypeInfo*>(lua_touserdata(L, lua_upvalueindex(2)));
  if (type->missing) return type->missing(call);
  const std::string name = call.describe(2);
  const auto known = names_of(type->name);
  throw Misuse(with_article(std::string(type->name)) + " has no " + name +
               did_you_mean(call.is_text(2) ? call.text(2) : std::string(), known));
}

int refuse_write(Call& call) { throw Misuse(with_article(type_name(call.state, 1)) + " cannot be changed"); }

int push_type_name(Call& call) {
  lua_pushstring(call.state, type_name(call.state, 1).c_str());
  return 1;
}

int call_declarer(Call& call) {
  Declarer* declarer = Object<Declarer>::at(call, 1);
  if (!declarer) throw Misuse("expected a declaration");
  call.entry = declarer->entry;
  if (!call.is_table(2)) {
    call.complain(declarer->place, {}, declarer->entry->name + " \"" + declarer->name + "\"", "", "a table of fields",
                  call.describe(2));
    return 0;
  }
  if (declarer->is_done) throw Misuse(declarer->entry->name + " \"" + declarer->name + "\" already has its fields");
  declarer->is_done = true;
  const Declarer copy = *declarer;
  const int results = copy.entry->body(call, copy, 2);
  // A baseline is its own reference: local calm = baseline "calm" { ... }, then against = calm.
  if (copy.entry->name != "baseline") return results;
  lua_pushvalue(call.state, 1);
  return 1;
}

void set_function(lua_State* L, const char* name, lua_CFunction function) {
  lua_pushcfunction(L, function);
  lua_setfield(L, -2, name);
}

// Leaves the metatable on the stack.
void define_type(lua_State* L, const TypeInfo& type) {
  lua_newtable(L);
  lua_pushlightuserdata(L, const_cast<void*>(type.key));
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
  lua_pushstring(L, type.name);
  lua_setfield(L, -2, "__metatable");
  lua_newtable(L);
  for (const auto& e : registry())
    if (e.owner == type.name && e.function) {
      lua_pushlightuserdata(L, const_cast<Entry*>(&e));
      lua_pushcclosure(L, run_entry, 1);
      lua_setfield(L, -2, e.name.c_str());
    }
  lua_pushlightuserdata(L, const_cast<TypeInfo*>(&type));
  lua_pushcclosure(L, guard<index_method>, 2);
  lua_setfield(L, -2, "__index");
  set_function(L, "__newindex", guard<refuse_write>);
  set_function(L, "__tostring", guard<push_type_name>);
}

}  // namespace

// Defined beside what they belong to.
int missing_metric(Call& call);
int missing_simulation_field(Call& call);
int call_alert(Call& call);
void define_handle_operators(lua_State* state);  // into the metatable on top

void define_api(Host& host, Declarations& declarations) {
  static const TypeInfo types[] = {
      {"declaration", &Object<Declarer>::key, nullptr},
      {"stream", &Object<StreamObject>::key, missing_metric},
      {"handle", &Object<HandleObject>::key, nullptr},
      {"condition", &Object<ConditionObject>::key, nullptr},
      {"reference", &Object<ReferenceObject>::key, nullptr},
      {"verdict", &Object<VerdictObject>::key, nullptr},
      {"secret", &Object<SecretObject>::key, nullptr},
      {"test", &Object<TestObject>::key, nullptr},
      {"alert", &Object<AlertObject>::key, nullptr},
      {"expectation", &Object<ExpectObject>::key, nullptr},
      {"simulation", &Object<SimulationObject>::key, missing_simulation_field},
  };
  lua_State* L = host.state();
  lua_pushlightuserdata(L, const_cast<char*>(&declarations_key));
  lua_pushlightuserdata(L, &declarations);
  lua_rawset(L, LUA_REGISTRYINDEX);
  for (const auto& type : types) {
    define_type(L, type);
    if (type.key == &Object<Declarer>::key) set_function(L, "__call", guard<call_declarer>);
    if (type.key == &Object<HandleObject>::key) define_handle_operators(L);
    if (type.key == &Object<AlertObject>::key) set_function(L, "__call", guard<call_alert>);
    lua_pop(L, 1);
  }
  for (const auto& e : registry()) {
    if (!e.owner.empty()) continue;
    lua_pushlightuserdata(L, const_cast<Entry*>(&e));
    lua_pushcclosure(L, run_entry, 1);
    host.define(e.name);
  }
}

bool declare_name(Call& call, const std::string& kind, const std::string& name, const Place& place) {
  const auto [it, is_new] = call.pack.names.try_emplace({kind, name}, place);
  if (is_new) return true;
  const Place& first = it->second;
  call.complain(place, call.source_map(place).call(place.line, place.call, name), kind + " \"" + name + "\"",
                "declared twice (first at " + first.file + ":" + std::to_string(first.line) + ")");
  return false;
}

const Declarer* baseline_at(Call& call, int index) {
  const Declarer* d = Object<Declarer>::at(call, index);
  return d && d->entry->name == "baseline" ? d : nullptr;
}

}  // namespace tidewatch
