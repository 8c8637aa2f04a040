// A tokenizer of Lua's surface, just enough to know code from strings and comments.
#include "bindings/syntax_guard.h"

#include <cctype>

namespace tidewatch {
namespace {

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// Both compilers walk the list of pending jumps for each of these: quadratic, in seconds from fifty thousand on.
constexpr int most_jumps = 10000;

class Scanner {
 public:
  explicit Scanner(std::string_view source) : source_(source) {}

  std::optional<SyntaxRefusal> run() {
    if (!source_.empty() && source_[0] == '\x1b') return SyntaxRefusal{1, "compiled Lua is refused; a pack is text"};
    if (!source_.empty() && source_[0] == '#') skip_line();
    while (at_ < source_.size()) {
      const char c = source_[at_];
      if (c == '\n') ++line_;
      if (std::isspace(static_cast<unsigned char>(c)) != 0) {
        ++at_;
      } else if (c == '-' && peek(1) == '-') {
        at_ += 2;
        if (!(peek(0) == '[' && skip_long())) skip_line();
      } else if (c == '"' || c == '\'') {
        skip_string(c);
      } else if (c == '[' && skip_long()) {
        after_local_ = 0;
      } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
        if (auto refusal = number()) return refusal;
      } else if (is_letter(c)) {
        if (auto refusal = word()) return refusal;
      } else {
        if (auto refusal = symbol(c)) return refusal;
      }
    }
    return std::nullopt;
  }

 private:
  char peek(std::size_t ahead) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  SyntaxRefusal refuse(std::string text) const { return {line_, std::move(text)}; }

  void skip_line() {
    while (at_ < source_.size() && source_[at_] != '\n') ++at_;
  }

  // A long bracket at `[`; false (nothing consumed) when it is not one.
  bool skip_long() {
    std::size_t level = 0;
    while (peek(1 + level) == '=') ++level;
    if (peek(1 + level) != '[') return false;
    const std::string close = "]" + std::string(level, '=') + "]";
    const std::size_t end = source_.find(close, at_ + level + 2);
    const std::size_t stop = end == std::string_view::npos ? source_.size() : end + close.size();
    for (; at_ < stop; ++at_) line_ += source_[at_] == '\n';
    return true;
  }

  void skip_string(char quote) {
    after_local_ = 0;
    for (++at_; at_ < source_.size() && source_[at_] != quote; ++at_) {
      if (source_[at_] == '\\') {
        ++at_;
        if (at_ >= source_.size()) return;  // a lone backslash at the end: the compiler complains
      } else if (source_[at_] == '\n') {
        return;  // unfinished; the compiler says so
      }
      line_ += source_[at_] == '\n';
    }
    if (at_ < source_.size()) ++at_;
  }

  std::optional<SyntaxRefusal> number() {
    after_local_ = 0;
    const std::size_t start = at_;
    const bool hexadecimal = peek(0) == '0' && (peek(1) == 'x' || peek(1) == 'X');
    if (peek(0) == '0' && (peek(1) == 'b' || peek(1) == 'B'))
      return refuse("binary numbers such as 0b1 are not part of a pack's Lua; write them in decimal");
    if (hexadecimal) at_ += 2;
    while (at_ < source_.size()) {
      const char c = source_[at_];
      const bool exponent = hexadecimal ? c == 'p' || c == 'P' : c == 'e' || c == 'E';
      if (exponent && (peek(1) == '+' || peek(1) == '-')) {
        at_ += 2;
      } else if (exponent || c == '.' || is_digit(c) ||
                 (hexadecimal && std::isxdigit(static_cast<unsigned char>(c)) != 0)) {
        if (c == '.' && peek(1) == '.') break;
        ++at_;
      } else {
        break;
      }
    }
    const std::string digits(source_.substr(start, at_ - start));
    if (at_ < source_.size() && is_letter(source_[at_])) {
      std::string suffix;
      for (std::size_t i = at_; i < source_.size() && (is_letter(source_[i]) || is_digit(source_[i])); ++i)
        suffix += source_[i];
      return refuse("the number " + digits + suffix + " has a suffix; write " + digits);
    }
    return std::nullopt;
  }

  std::optional<SyntaxRefusal> word() {
    const std::size_t start = at_;
    while (at_ < source_.size() && (is_letter(source_[at_]) || is_digit(source_[at_]))) ++at_;
    const std::string_view name = source_.substr(start, at_ - start);
    if (name == "goto") return refuse("`goto` is not part of a pack's Lua; use a function with return, or a flag");
    if (name == "_ENV") return refuse("`_ENV` is not part of a pack's Lua; names are declared with local");
    if ((name == "elseif" || name == "break" || name == "and" || name == "or") && ++jumps_ > most_jumps)
      return refuse("a file may hold at most " + std::to_string(most_jumps) +
                    " of `elseif`, `break`, `and` and `or`; use a table, or another file");
    after_local_ = name == "local" ? 1 : after_local_ == 1 ? 2 : 0;
    return std::nullopt;
  }

  std::optional<SyntaxRefusal> symbol(char c) {
    const char next = peek(1);
    if (c == '<' && after_local_ == 2) {
      const std::size_t end = source_.find('>', at_);
      const std::string attribute(source_.substr(at_, end == std::string_view::npos ? 1 : end + 1 - at_));
      if (attribute.size() < 20)
        return refuse("the attribute " + attribute + " is not part of a pack's Lua; write a plain local");
    }
    if (c == ',' && after_local_ == 2)
      after_local_ = 1;
    else
      after_local_ = 0;
    if (c == '/' && next == '/') return refuse("`//` is not part of a pack's Lua; use math.floor(a / b)");
    if (c == '<' && next == '<') return refuse("`<<` is not part of a pack's Lua; multiply by a power of two");
    if (c == '>' && next == '>')
      return refuse("`>>` is not part of a pack's Lua; use math.floor and divide by a power of two");
    if (c == '&') return refuse("`&` is not part of a pack's Lua; for conditions write `and`");
    if (c == '|') return refuse("`|` is not part of a pack's Lua; for conditions write `or`");
    if (c == '~' && next != '=')
      return refuse("`~` alone is not part of a pack's Lua; `~=` is not equal, `not` negates");
    if (c == ':' && next == ':') return refuse("labels (`::name::`) are not part of a pack's Lua, as `goto` is not");
    at_ += c == '~' ? 2 : 1;
    return std::nullopt;
  }

  std::string_view source_;
  std::size_t at_ = 0;
  int line_ = 1;
  int jumps_ = 0;
  int after_local_ = 0;  // 1 behind `local` or its comma, 2 behind a name there
};

}  // namespace

std::optional<SyntaxRefusal> check_syntax(std::string_view source) { return Scanner(source).run(); }

}  // namespace tidewatch
