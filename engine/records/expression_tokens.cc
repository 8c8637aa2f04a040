// See expression_tokens.h. Numbers are read with from_chars, never with strtod: a locale must not change a threshold.
#include "records/expression_tokens.h"

#include <array>
#include <charconv>

namespace tidewatch {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
int hex_value(char c) { return is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10; }

struct Habit {
  std::string_view wrong, right;
};
constexpr std::array<Habit, 6> habits = {
    {{"!=", "~="}, {"<>", "~="}, {"&&", "and"}, {"||", "or"}, {"!", "not"}, {"=", "=="}}};

constexpr std::array<std::string_view, 17> symbols = {"..", "<=", ">=", "==", "~=", "<", ">", "+", "-",
                                                      "*",  "/",  "%",  "^",  "(",  ")", ",", "#"};

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view all) : all_(all) {}

  Result<std::vector<Token>> run() {
    while (true) {
      while (at_ < all_.size() && (all_[at_] == ' ' || all_[at_] == '\t' || all_[at_] == '\n' || all_[at_] == '\r')) {
        ++at_;
      }
      Token token;
      token.from = at_;
      if (at_ == all_.size()) {
        token.to = at_;
        out_.push_back(std::move(token));
        return std::move(out_);
      }
      const char c = all_[at_];
      const bool is_fraction = c == '.' && at_ + 1 < all_.size() && is_digit(all_[at_ + 1]);
      Done read = done();
      if (is_digit(c) || is_fraction) {
        read = number(token);
      } else if (c == '"' || c == '\'') {
        read = quoted(token, c);
      } else if (is_letter(c)) {
        // predicted.direction is one name; `a..b` joins two.
        while (at_ < all_.size() && (is_letter(all_[at_]) || is_digit(all_[at_]) ||
                                     (all_[at_] == '.' && at_ + 1 < all_.size() && is_letter(all_[at_ + 1]))))
          ++at_;
        token.kind = Token::Kind::name;
        token.word = all_.substr(token.from, at_ - token.from);
      } else {
        read = symbol(token);
      }
      if (!read) return read.error();
      token.to = at_;
      out_.push_back(std::move(token));
    }
  }

 private:
  Done number(Token& token) {
    token.kind = Token::Kind::number;
    const char* begin = all_.data() + at_;
    const char* end = all_.data() + all_.size();
    std::from_chars_result read{};
    if (*begin == '0' && end - begin > 1 && (begin[1] == 'x' || begin[1] == 'X')) {
      std::uint64_t whole = 0;
      read = std::from_chars(begin + 2, end, whole, 16);
      token.number = static_cast<double>(whole);
    } else {
      read = std::from_chars(begin, end, token.number);
    }
    at_ = static_cast<std::size_t>(read.ptr - all_.data());
    const bool runs_on = at_ < all_.size() && (is_letter(all_[at_]) || is_digit(all_[at_]));
    if (read.ec != std::errc() || runs_on) {
      while (at_ < all_.size() && (is_letter(all_[at_]) || is_digit(all_[at_]) || all_[at_] == '.')) ++at_;
      if (at_ == token.from) ++at_;
      return fault_at(all_, token.from, at_, "malformed number");
    }
    return done();
  }

  Done quoted(Token& token, char quote) {
    token.kind = Token::Kind::text;
    for (++at_; at_ < all_.size() && all_[at_] != quote; ++at_) {
      char c = all_[at_];
      if (c == '\n') break;
      if (c == '\\' && !escape(c)) return fault_at(all_, at_, at_ + 1, "unknown escape in a text");
      token.text += c;
    }
    if (at_ >= all_.size() || all_[at_] != quote) return fault_at(all_, token.from, at_, "a text that is never closed");
    ++at_;
    return done();
  }

  // At a backslash; leaves at_ on the last byte of the escape.
  bool escape(char& out) {
    if (at_ + 1 >= all_.size()) return false;
    const char c = all_[at_ + 1];
    constexpr std::string_view from = "abfnrtv\\'\"\n", to = "\a\b\f\n\r\t\v\\'\"\n";
    if (const std::size_t i = from.find(c); i != std::string_view::npos) {
      out = to[i];
      ++at_;
      return true;
    }
    if (c == 'x' && at_ + 3 < all_.size() && is_hex(all_[at_ + 2]) && is_hex(all_[at_ + 3])) {
      out = static_cast<char>(hex_value(all_[at_ + 2]) * 16 + hex_value(all_[at_ + 3]));
      at_ += 3;
      return true;
    }
    int value = 0;
    std::size_t digits = 0;
    while (digits < 3 && at_ + 1 + digits < all_.size() && is_digit(all_[at_ + 1 + digits])) {
      value = value * 10 + (all_[at_ + 1 + digits++] - '0');
    }
    if (digits == 0 || value > 255) return false;
    out = static_cast<char>(value);
    at_ += digits;
    return true;
  }

  Done symbol(Token& token) {
    token.kind = Token::Kind::symbol;
    const std::string_view rest = all_.substr(at_);
    if (rest.substr(0, 2) == "--") {
      return fault_at(all_, at_, at_ + 2, "\"--\" begins a comment in Lua; write \"- -\" to subtract a negative");
    }
    for (const std::string_view one : symbols) {
      if (rest.substr(0, one.size()) != one || (one == "<" && rest.substr(0, 2) == "<>")) continue;
      token.word = rest.substr(0, one.size());
      at_ += one.size();
      return done();
    }
    for (const Habit& habit : habits) {
      if (rest.substr(0, habit.wrong.size()) != habit.wrong) continue;
      return fault_at(
          all_, at_, at_ + habit.wrong.size(),
          "unknown operator \"" + std::string(habit.wrong) + "\" (did you mean \"" + std::string(habit.right) + "\"?)");
    }
    std::size_t end = at_ + 1;
    while (end < all_.size() && (static_cast<unsigned char>(all_[end]) & 0xC0) == 0x80) ++end;
    return fault_at(all_, at_, end, "unexpected \"" + std::string(all_.substr(at_, end - at_)) + "\"");
  }

  std::string_view all_;
  std::size_t at_ = 0;
  std::vector<Token> out_;
};

std::size_t characters_in(std::string_view s) {
  std::size_t n = 0;
  for (const char c : s) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

}  // namespace

Result<std::vector<Token>> tokens_of(std::string_view expression) { return Tokenizer(expression).run(); }

Error fault_at(std::string_view expression, std::size_t from, std::size_t to, const std::string& message) {
  const std::size_t before = from == 0 ? std::string_view::npos : expression.rfind('\n', from - 1);
  const std::size_t line_from = before == std::string_view::npos ? 0 : before + 1;
  const std::size_t line_to = std::min(expression.find('\n', from), expression.size());
  const std::string_view line = expression.substr(line_from, line_to - line_from);
  std::string out = message + "\n   " + std::string(line) + "\n   ";
  for (const char c : expression.substr(line_from, from - line_from)) {
    if (c == '\t') {
      out += '\t';
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      out += ' ';
    }
  }
  const std::size_t end = std::min(to, line_to);
  const std::size_t width = end > from ? characters_in(expression.substr(from, end - from)) : 1;
  return invalid(out + std::string(std::max<std::size_t>(width, 1), '^'));
}

}  // namespace tidewatch
