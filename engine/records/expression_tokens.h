// Tokens of Lua's expression syntax, and the place of a fault shown as a line of text with a caret. Habits from other
// languages (!=, &&, =) are named, because they are what people type first. Internal to expression_parse.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidewatch {

struct Token {
  enum class Kind : std::uint8_t { number, text, name, symbol, end } kind = Kind::end;
  std::size_t from = 0, to = 0;  // bytes of the expression
  std::string_view word;         // name or symbol as written
  std::string text;              // text, unescaped
  double number = 0;
};

// The last token is `end`.
Result<std::vector<Token>> tokens_of(std::string_view expression);

// `message`, the expression's line that holds byte `from`, and carets under [from, to).
Error fault_at(std::string_view expression, std::size_t from, std::size_t to, const std::string& message);

}  // namespace tidewatch
