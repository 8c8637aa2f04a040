#include "bindings/source_map.h"

#include <cctype>

namespace tidewatch {

namespace {

bool is_name_byte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// "[[" or "[==[" at `at`: the number of '=', or -1.
int long_bracket(std::string_view s, std::size_t at) {
  if (at >= s.size() || s[at] != '[') return -1;
  std::size_t i = at + 1;
  while (i < s.size() && s[i] == '=') ++i;
  return i < s.size() && s[i] == '[' ? static_cast<int>(i - at - 1) : -1;
}

// The end (one past) of the long bracket that opens at `at`; npos when it never closes.
std::size_t long_end(std::string_view s, std::size_t at, int level) {
  const std::string close = "]" + std::string(static_cast<std::size_t>(level), '=') + "]";
  const std::size_t end = s.find(close, at);
  return end == std::string_view::npos ? end : end + close.size();
}

bool opens(std::string_view t) {
  return t == "{" || t == "(" || t == "[" || t == "function" || t == "do" || t == "then" || t == "repeat";
}

bool closes(std::string_view t) {
  return t == "}" || t == ")" || t == "]" || t == "end" || t == "until" || t == "elseif";
}

}  // namespace

std::vector<SourceToken> tokenize(std::string_view s) {
  std::vector<SourceToken> out;
  std::size_t at = 0, line_start = 0;
  int line = 1;
  const auto push = [&](SourceToken::Kind kind, std::size_t end) {
    out.push_back({kind, s.substr(at, end - at), line, static_cast<int>(at - line_start) + 1});
  };
  const auto advance = [&](std::size_t end) {
    for (; at < end; ++at)
      if (s[at] == '\n') {
        ++line;
        line_start = at + 1;
      }
  };
  while (at < s.size()) {
    const char c = s[at];
    if (std::isspace(static_cast<unsigned char>(c))) {
      advance(at + 1);
      continue;
    }
    if (c == '-' && at + 1 < s.size() && s[at + 1] == '-') {
      const int level = long_bracket(s, at + 2);
      std::size_t end = level >= 0 ? long_end(s, at + 2, level) : s.find('\n', at);
      if (end == std::string_view::npos) break;
      advance(end);
      continue;
    }
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '_') {
      std::size_t end = at;
      while (end < s.size() && is_name_byte(s[end])) ++end;
      push(SourceToken::Kind::name, end);
      at = end;
      continue;
    }
    if (std::isdigit(static_cast<unsigned char>(c)) ||
        (c == '.' && at + 1 < s.size() && std::isdigit(static_cast<unsigned char>(s[at + 1])))) {
      std::size_t end = at;
      while (end < s.size() && (is_name_byte(s[end]) || s[end] == '.' ||
                                ((s[end] == '+' || s[end] == '-') && (s[end - 1] == 'e' || s[end - 1] == 'E'))))
        ++end;
      push(SourceToken::Kind::number, end);
      at = end;
      continue;
    }
    if (c == '"' || c == '\'') {
      std::size_t end = at + 1;
      while (end < s.size() && s[end] != c && s[end] != '\n') end += s[end] == '\\' ? 2 : 1;
      if (end >= s.size()) break;
      push(SourceToken::Kind::text, end + 1);
      advance(end + 1);
      continue;
    }
    if (const int level = long_bracket(s, at); level >= 0) {
      const std::size_t end = long_end(s, at, level);
      if (end == std::string_view::npos) break;
      push(SourceToken::Kind::text, end);
      advance(end);
      continue;
    }
    std::size_t length = 1;
    for (std::string_view symbol : {"...", "..", "==", "~=", "<=", ">="})
      if (s.substr(at, symbol.size()) == symbol) {
        length = symbol.size();
        break;
      }
    push(SourceToken::Kind::symbol, at + length);
    at += length;
  }
  return out;
}

std::size_t SourceMap::find_call(int line, std::string_view call, std::string_view name) const {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const SourceToken& t = tokens_[i];
    if (t.line < line || t.kind != SourceToken::Kind::name || t.text != call) continue;
    if (i + 1 >= tokens_.size()) break;
    std::size_t next = i + 1;
    if (tokens_[next].text == "(") ++next;
    if (name.empty()) {
      if (next > i + 1 || tokens_[next].text == "{" || tokens_[next].kind == SourceToken::Kind::text) return i;
      continue;
    }
    if (next < tokens_.size() && tokens_[next].kind == SourceToken::Kind::text && tokens_[next].text.size() >= 2 &&
        tokens_[next].text.substr(1, tokens_[next].text.size() - 2) == name)
      return i;
  }
  return tokens_.size();
}

Span SourceMap::call(int line, std::string_view word, std::string_view name) const {
  const std::size_t i = find_call(line, word, name);
  if (i >= tokens_.size()) return {};
  return {tokens_[i].line, tokens_[i].column, static_cast<int>(tokens_[i].text.size())};
}

Span SourceMap::value_at(std::size_t first) const {
  if (first >= tokens_.size()) return {};
  const SourceToken& begin = tokens_[first];
  Span span{begin.line, begin.column, 0};
  int depth = 0;
  for (std::size_t i = first; i < tokens_.size() && tokens_[i].line == begin.line; ++i) {
    const SourceToken& t = tokens_[i];
    if (depth == 0 && (t.text == "," || t.text == ";" || t.text == "}" || t.text == ")")) break;
    if (opens(t.text)) ++depth;
    if (closes(t.text)) --depth;
    const std::size_t newline = t.text.find('\n');
    const auto shown = newline == std::string_view::npos ? t.text.size() : newline;
    span.length = t.column - begin.column + static_cast<int>(shown);
  }
  return span;
}

Span SourceMap::find(int line, std::string_view call, std::string_view name, std::string_view field,
                     bool want_value) const {
  std::size_t i = find_call(line, call, name);
  if (i >= tokens_.size()) return {};
  // Depth counts braces from the call's own table; the brackets of call(...) around it stay outside.
  int depth = 0;
  bool in_table = false;
  int parens = 0;
  for (++i; i < tokens_.size(); ++i) {
    const std::string_view t = tokens_[i].text;
    if (!in_table) {
      if (t == "(") ++parens;
      if (t == ")" && --parens <= 0 && !(i + 1 < tokens_.size() && tokens_[i + 1].text == "{")) return {};
      if (t == "{") in_table = true, depth = 1;
      continue;
    }
    if (depth == 1 && tokens_[i].kind == SourceToken::Kind::name && t == field && i + 1 < tokens_.size() &&
        tokens_[i + 1].text == "=" &&
        (tokens_[i - 1].text == "{" || tokens_[i - 1].text == "," || tokens_[i - 1].text == ";")) {
      if (want_value) return value_at(i + 2);
      return {tokens_[i].line, tokens_[i].column, static_cast<int>(t.size())};
    }
    if (opens(t)) ++depth;
    if (closes(t) && --depth == 0) return {};
  }
  return {};
}

Span SourceMap::field(int line, std::string_view call, std::string_view name, std::string_view field) const {
  return find(line, call, name, field, false);
}

Span SourceMap::value(int line, std::string_view call, std::string_view name, std::string_view field) const {
  return find(line, call, name, field, true);
}

Span SourceMap::item(int line, std::string_view call, std::string_view name, std::string_view field,
                     std::string_view key) const {
  const Span table = value(line, call, name, field);
  std::size_t i = 0;
  while (i < tokens_.size() && (tokens_[i].line != table.line || tokens_[i].column != table.column)) ++i;
  if (i >= tokens_.size() || tokens_[i].text != "{") return {};
  int depth = 0;
  for (; i < tokens_.size(); ++i) {
    const std::string_view t = tokens_[i].text;
    if (depth == 1 && t == key && i + 1 < tokens_.size() && tokens_[i + 1].text == "=") return value_at(i + 2);
    if (opens(t)) ++depth;
    if (closes(t) && --depth == 0) return {};
  }
  return {};
}

Span SourceMap::argument(int line, std::string_view call, int number) const {
  std::size_t i = find_call(line, call, {});
  if (i >= tokens_.size() || i + 1 >= tokens_.size()) return {};
  ++i;
  if (tokens_[i].text != "(") return number == 1 ? value_at(i) : Span{};
  int depth = 0, argument = 1;
  for (++i; i < tokens_.size(); ++i) {
    if (depth == 0 && argument == number) return tokens_[i].text == ")" ? Span{} : value_at(i);
    if (depth == 0 && tokens_[i].text == ")") return {};
    if (depth == 0 && tokens_[i].text == ",") ++argument;
    if (opens(tokens_[i].text)) ++depth;
    if (closes(tokens_[i].text)) --depth;
  }
  return {};
}

}  // namespace tidewatch
