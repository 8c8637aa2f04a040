// find, match, gmatch and gsub over our matcher. Where the engines differ, 5.4 is followed: an empty match right
// behind the last one is not counted again, and a stray % in a replacement is an error.
#include <algorithm>
#include <cstring>

#include "bindings/host_state.h"
#include "bindings/matcher.h"

namespace tidewatch {
namespace {

std::string_view check_text(lua_State* state, int index) {
  std::size_t length = 0;
  const char* text = luaL_checklstring(state, index, &length);
  return {text, length};
}

void check_error(lua_State* state, const Matcher& matcher, const char* name) {
  if (matcher.error() != nullptr) raise_error(state, "string.%s(): %s", name, matcher.error());
}

void push_capture(lua_State* state, const Matcher& matcher, int index, std::string_view subject, std::size_t start,
                  std::size_t end) {
  if (index >= matcher.captures()) {
    if (index != 0) raise_error(state, "invalid capture index %%%d", index + 1);
    push_text(state, subject.substr(start, end - start));
    return;
  }
  const Matcher::Capture& capture = matcher.capture(index);
  if (capture.length == Matcher::open) raise_error(state, "unfinished capture");
  if (capture.length == Matcher::position)
    push_number(state, static_cast<double>(capture.start) + 1);
  else
    push_text(state, subject.substr(capture.start, static_cast<std::size_t>(capture.length)));
}

// All captures, or the whole match when there is none and `whole` says so.
int push_captures(lua_State* state, const Matcher& matcher, std::string_view subject, std::size_t start,
                  std::size_t end, bool whole) {
  const int count = matcher.captures() == 0 && whole ? 1 : matcher.captures();
  luaL_checkstack(state, count, "too many captures");
  for (int i = 0; i < count; ++i) push_capture(state, matcher, i, subject, start, end);
  return count;
}

int search(lua_State* state, bool find) {
  const std::string_view subject = check_text(state, 1);
  std::string_view pattern = check_text(state, 2);
  const char* name = find ? "find" : "match";
  double from = luaL_optnumber(state, 3, 1);
  const auto length = static_cast<double>(subject.size());
  if (from < 0) from = std::max(1.0, length + from + 1);
  if (from == 0) from = 1;
  if (!(from <= length + 1)) {
    lua_pushnil(state);
    return 1;
  }
  std::size_t start = static_cast<std::size_t>(from) - 1;
  if (find && pattern.size() > 256) charge(state, static_cast<std::int64_t>(pattern.size()));  // is_plain_pattern
  if (find && (lua_toboolean(state, 4) != 0 || is_plain_pattern(pattern))) {
    charge(state, 1 + static_cast<std::int64_t>((subject.size() - start) / 32));
    const void* found = pattern.empty()
                            ? subject.data() + start
                            : memmem(subject.data() + start, subject.size() - start, pattern.data(), pattern.size());
    if (found == nullptr) {
      lua_pushnil(state);
      return 1;
    }
    const auto at = static_cast<double>(static_cast<const char*>(found) - subject.data());
    push_number(state, at + 1);
    push_number(state, at + static_cast<double>(pattern.size()));
    return 2;
  }
  const bool anchored = !pattern.empty() && pattern[0] == '^';
  if (anchored) pattern.remove_prefix(1);
  Matcher matcher(subject, pattern);
  for (; start <= subject.size(); ++start) {
    const std::int64_t end = matcher.match(start);
    if (end >= 0) {
      charge(state, matcher.steps());
      if (!find) return push_captures(state, matcher, subject, start, static_cast<std::size_t>(end), true);
      push_number(state, static_cast<double>(start) + 1);
      push_number(state, static_cast<double>(end));
      return 2 + push_captures(state, matcher, subject, start, static_cast<std::size_t>(end), false);
    }
    if (matcher.error() != nullptr || anchored) break;
  }
  charge(state, matcher.steps());
  check_error(state, matcher, name);
  lua_pushnil(state);
  return 1;
}

int find(lua_State* state) { return search(state, true); }
int match(lua_State* state) { return search(state, false); }

// Upvalues: subject, pattern, where to start, the end of the last match (-1 before any).
int gmatch_step(lua_State* state) {
  const std::string_view subject = text_at(state, lua_upvalueindex(1));
  const std::string_view pattern = text_at(state, lua_upvalueindex(2));
  const auto last = static_cast<std::int64_t>(lua_tonumber(state, lua_upvalueindex(4)));
  Matcher matcher(subject, pattern);
  for (auto start = static_cast<std::size_t>(lua_tonumber(state, lua_upvalueindex(3))); start <= subject.size();
       ++start) {
    const std::int64_t end = matcher.match(start);
    if (end >= 0 && end != last) {
      charge(state, matcher.steps());
      lua_pushnumber(state, static_cast<double>(end));
      lua_pushvalue(state, -1);
      lua_replace(state, lua_upvalueindex(3));
      lua_replace(state, lua_upvalueindex(4));
      return push_captures(state, matcher, subject, start, static_cast<std::size_t>(end), true);
    }
    if (matcher.error() != nullptr) break;
  }
  charge(state, matcher.steps());
  check_error(state, matcher, "gmatch");
  lua_pushnumber(state, static_cast<double>(subject.size()) + 1);
  lua_replace(state, lua_upvalueindex(3));
  return 0;
}

int gmatch(lua_State* state) {
  check_text(state, 1);
  check_text(state, 2);
  lua_settop(state, 2);
  lua_pushnumber(state, 0);
  lua_pushnumber(state, -1);
  lua_pushcclosure(state, gmatch_step, 4);
  return 1;
}

// One level of a script's function, or __index, running below a C function. The count must come back when it raises,
// or a script that catches would use it up.
class Callback {
 public:
  explicit Callback(lua_State* state) : budget_(Host::State::of(state).budget) {
    if (budget_.callbacks >= max_depth) raise_error(state, "callbacks are nested deeper than %d", max_depth);
    ++budget_.callbacks;
  }
  ~Callback() { --budget_.callbacks; }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

 private:
  Budget& budget_;
};

void check_growth(lua_State* state, std::size_t size) {
  const std::size_t limit = Host::State::of(state).allocator.block_cap();
  if (size + 64 > limit)
    raise_error(state, "string.gsub(): the result would be over the limit of %d bytes", static_cast<int>(limit));
}

// The text that replaces one match, appended; the third argument of gsub is text, a table or a function.
void append_replacement(lua_State* state, std::string& out, const Matcher& matcher, std::string_view subject,
                        std::size_t start, std::size_t end) {
  const int kind = lua_type(state, 3);
  if (kind == LUA_TSTRING || kind == LUA_TNUMBER) {
    const std::string_view text = check_text(state, 3);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%') {
        out += text[i];
        continue;
      }
      check_growth(state, out.size() + (end - start));  // %0%0%0 of a long match grows before the match is done
      const char next = ++i < text.size() ? text[i] : '\0';
      if (next == '%') {
        out += '%';
      } else if (next == '0') {
        out.append(subject.substr(start, end - start));
      } else if (next >= '1' && next <= '9') {
        push_capture(state, matcher, next - '1', subject, start, end);
        std::size_t length = 0;
        const char* capture = lua_tolstring(state, -1, &length);
        out.append(capture, length);
        lua_pop(state, 1);
      } else {
        raise_error(state, "string.gsub(): invalid use of '%%' in the replacement; write %%%% for a percent sign");
      }
    }
    return;
  }
  if (kind == LUA_TTABLE) {
    const Callback level(state);
    push_capture(state, matcher, 0, subject, start, end);
    lua_gettable(state, 3);
  } else {
    const Callback level(state);
    lua_pushvalue(state, 3);
    lua_call(state, push_captures(state, matcher, subject, start, end, true), 1);
  }
  if (lua_toboolean(state, -1) == 0) {
    out.append(subject.substr(start, end - start));
  } else if (lua_type(state, -1) == LUA_TSTRING || lua_type(state, -1) == LUA_TNUMBER) {
    std::size_t length = 0;
    const char* text = lua_tolstring(state, -1, &length);
    out.append(text, length);
  } else {
    raise_error(state, "string.gsub(): a replacement must be text, a number, nil or false, got %s",
                luaL_typename(state, -1));
  }
  lua_pop(state, 1);
}

int gsub(lua_State* state) {
  const std::string_view subject = check_text(state, 1);
  std::string_view pattern = check_text(state, 2);
  const int kind = lua_type(state, 3);
  if (kind != LUA_TSTRING && kind != LUA_TNUMBER && kind != LUA_TTABLE && kind != LUA_TFUNCTION)
    return raise_error(state, "string.gsub(): argument 3: expected text, a table or a function, got %s",
                       luaL_typename(state, 3));
  double left = lua_isnoneornil(state, 4) ? static_cast<double>(subject.size()) + 1 : luaL_checknumber(state, 4);
  const bool anchored = !pattern.empty() && pattern[0] == '^';
  if (anchored) pattern.remove_prefix(1);
  Matcher matcher(subject, pattern);
  std::string out;
  double count = 0;
  std::int64_t last = -1, charged = 0;
  std::size_t start = 0;
  while (left >= 1) {
    const std::int64_t end = matcher.match(start);
    check_error(state, matcher, "gsub");
    charge(state, matcher.steps() - charged);
    charged = matcher.steps();
    if (end >= 0 && end != last) {
      ++count;
      --left;
      append_replacement(state, out, matcher, subject, start, static_cast<std::size_t>(end));
      start = static_cast<std::size_t>(end);
      last = end;
    } else if (start < subject.size()) {
      out += subject[start++];
    } else {
      break;
    }
    check_growth(state, out.size());
    if (anchored) break;
  }
  if (start < subject.size()) out.append(subject.substr(start));
  check_growth(state, out.size());
  charge(state, static_cast<std::int64_t>(out.size() / 16));
  make_room(state, out.size());
  push_text(state, out);
  push_number(state, count);
  return 2;
}

}  // namespace

void push_pattern_functions(lua_State* state) {
  static constexpr luaL_Reg functions[] = {
      {"find", find}, {"match", match}, {"gmatch", gmatch}, {"gsub", gsub}, {nullptr, nullptr}};
  lua_newtable(state);
  compat_setfuncs(state, functions);
}

}  // namespace tidewatch
