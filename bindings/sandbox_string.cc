// string functions whose work or result grows with their input, and the texts of values. Sizes are checked before
// anything is built; a result passes through a C++ string, which unwinds cleanly when Lua raises. Numbers print as
// doubles with %.14g on both engines: 3, not 3.0; nan, not -nan.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "bindings/host_state.h"

namespace tidewatch {
namespace {

std::string_view check_text(lua_State* state, int index) {
  std::size_t length = 0;
  const char* text = luaL_checklstring(state, index, &length);
  return {text, length};
}

int give(lua_State* state, const std::string& text) {
  charge(state, static_cast<std::int64_t>(text.size() / 16));
  make_room(state, text.size());
  push_text(state, text);
  return 1;
}

void check_size(lua_State* state, double bytes, const char* what) {
  const std::size_t limit = Host::State::of(state).allocator.block_cap();
  if (bytes + 64 > static_cast<double>(limit))
    raise_error(state, "%s: the result would be over the limit of %d bytes", what, static_cast<int>(limit));
}

int rep(lua_State* state) {
  const std::string_view text = check_text(state, 1);
  const double count = std::floor(luaL_checknumber(state, 2));
  std::size_t glue_length = 0;
  const char* glue = luaL_optlstring(state, 3, "", &glue_length);
  if (!(count >= 1) || text.size() + glue_length == 0) {
    lua_pushstring(state, "");
    return 1;
  }
  check_size(state, count * static_cast<double>(text.size() + glue_length), "string.rep()");
  std::string result;
  if (text.size() == 1 && glue_length == 0) return give(state, result.assign(static_cast<std::size_t>(count), text[0]));
  result.reserve(static_cast<std::size_t>(count) * (text.size() + glue_length));
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    if (i > 0) result.append(glue, glue_length);
    result.append(text);
  }
  return give(state, result);
}

int reverse(lua_State* state) {
  const std::string_view text = check_text(state, 1);
  return give(state, std::string(text.rbegin(), text.rend()));
}

template <char from, char to, int shift>
int shift_case(lua_State* state) {
  std::string text(check_text(state, 1));
  for (char& c : text)
    if (c >= from && c <= to) c = static_cast<char>(c + shift);
  return give(state, text);
}

// No addresses: they would differ from run to run.
std::string text_of(lua_State* state, int index) {
  switch (lua_type(state, index)) {
    case LUA_TSTRING:
      return std::string(text_at(state, index));
    case LUA_TBOOLEAN:
      return lua_toboolean(state, index) != 0 ? "true" : "false";
    case LUA_TNUMBER: {
      const double value = lua_tonumber(state, index);
      if (std::isnan(value)) return "nan";
      char text[64];
      std::snprintf(text, sizeof text, "%.14g", value);
      return text;
    }
    default:
      return luaL_typename(state, index);
  }
}

int plain_text(lua_State* state) {
  luaL_checkany(state, 1);
  push_text(state, text_of(state, 1));
  return 1;
}

void append_quoted(lua_State* state, int index, std::string& out) {
  const std::string_view text = check_text(state, index);
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\\' || c == '\n') {
      out += '\\';
      out += c;
    } else if (c == '\r' || c == '\0' || std::iscntrl(static_cast<unsigned char>(c)) != 0) {
      const bool digit_follows = i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
      char code[8];
      std::snprintf(code, sizeof code, digit_follows ? "\\%03d" : "\\%d", static_cast<unsigned char>(c));
      out += code;
    } else {
      out += c;
    }
  }
  out += '"';
}

double check_number(lua_State* state, int index, char conversion) {
  if (lua_isnumber(state, index) == 0)
    raise_error(state, "string.format(): argument %d: %%%c expects a number, got %s", index, conversion,
                lua_isnone(state, index) ? "nothing" : luaL_typename(state, index));
  return lua_tonumber(state, index);
}

int format(lua_State* state) {
  const std::string_view pattern = check_text(state, 1);
  charge(state, static_cast<std::int64_t>(pattern.size()));  // also when it ends in an error
  std::string out;
  int argument = 1;
  char piece[512];
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      out += pattern[i];
      continue;
    }
    if (++i < pattern.size() && pattern[i] == '%') {
      out += '%';
      continue;
    }
    std::string spec = "%";
    while (i < pattern.size() && std::strchr("-+ #0", pattern[i]) != nullptr && spec.size() < 7) spec += pattern[i++];
    const auto digits = [&] {
      int count = 0;
      for (; i < pattern.size() && pattern[i] >= '0' && pattern[i] <= '9'; ++count) spec += pattern[i++];
      if (count > 2) raise_error(state, "string.format(): a width or precision may have at most two digits");
    };
    digits();
    if (i < pattern.size() && pattern[i] == '.') {
      spec += pattern[i++];
      digits();
    }
    const char conversion = i < pattern.size() ? pattern[i] : '\0';
    ++argument;
    switch (conversion) {
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
      case 'c': {
        const double value = check_number(state, argument, conversion);
        if (value != std::floor(value) || std::fabs(value) > 9223372036854774784.0)
          return raise_error(state, "string.format(): argument %d: %%%c expects a whole number, got %s", argument,
                             conversion, text_of(state, argument).c_str());
        const auto whole = static_cast<long long>(value);
        if (conversion == 'c') {
          out += static_cast<char>(whole);
          break;
        }
        spec += "ll";
        spec += conversion == 'i' || conversion == 'u' ? 'd' : conversion;
        std::snprintf(piece, sizeof piece, spec.c_str(), whole);
        out += piece;
        break;
      }
      case 'a':
      case 'A':
      case 'e':
      case 'E':
      case 'f':
      case 'g':
      case 'G': {
        double value = check_number(state, argument, conversion);
        if (std::isnan(value)) value = std::fabs(value);
        spec += conversion;
        std::snprintf(piece, sizeof piece, spec.c_str(), value);
        out += piece;
        break;
      }
      case 'q':
        if (spec != "%") return raise_error(state, "string.format(): %%q takes no width or flags");
        if (lua_type(state, argument) == LUA_TSTRING)
          append_quoted(state, argument, out);
        else
          out += text_of(state, argument);
        break;
      case 's': {
        luaL_checkany(state, argument);
        const std::string text = text_of(state, argument);
        if (spec == "%") {
          out += text;
        } else {
          if (text.size() > 400 && spec.find('.') == std::string::npos) {
            out += text;
          } else {
            spec += 's';
            std::snprintf(piece, sizeof piece, spec.c_str(), text.substr(0, 500).c_str());
            out += piece;
          }
        }
        break;
      }
      default:
        return raise_error(state, "string.format(): %%%c is not a conversion; use %%s %%d %%g %%f %%x %%q",
                           conversion == '\0' ? ' ' : conversion);
    }
    check_size(state, static_cast<double>(out.size()), "string.format()");
  }
  return give(state, out);
}

}  // namespace

void push_string_functions(lua_State* state) {
  static constexpr luaL_Reg functions[] = {{"rep", rep},
                                           {"reverse", reverse},
                                           {"lower", shift_case<'A', 'Z', 32>},
                                           {"upper", shift_case<'a', 'z', -32>},
                                           {"format", format},
                                           {"plain_text", plain_text},
                                           {nullptr, nullptr}};
  lua_newtable(state);
  compat_setfuncs(state, functions);
}

}  // namespace tidewatch
