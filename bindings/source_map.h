// Where in a file a field stands. Lua reports only the line where a call begins; on an error the file is tokenized
// again and the field found between the braces of that call. Keeping positions while loading was decided against:
// it would mean our own parser in front of Lua's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidewatch {

struct SourceToken {
  enum class Kind { name, number, text, symbol } kind = Kind::symbol;
  std::string_view text;  // as written, quotes included; borrowed from the source
  int line = 1, column = 1;
};

// Lua 5.1's tokens without comments. An unclosed text or comment ends the list.
std::vector<SourceToken> tokenize(std::string_view source);

struct Span {
  int line = 0, column = 0, length = 0;  // line 0: not found
};

class SourceMap {
 public:
  explicit SourceMap(std::string_view source) : tokens_(tokenize(source)) {}

  // The word `call` on or after `line` (for a declaration also followed by its "name").
  Span call(int line, std::string_view call, std::string_view name = {}) const;
  // `field = value` at the first level of the call's table: its name, or its value (one line of it).
  Span field(int line, std::string_view call, std::string_view name, std::string_view field) const;
  Span value(int line, std::string_view call, std::string_view name, std::string_view field) const;
  // The value of `key` inside the table that is the value of `field`: columns = { latency_ms = "float" }.
  Span item(int line, std::string_view call, std::string_view name, std::string_view field, std::string_view key) const;
  // The n-th (from 1) positional argument of call(...).
  Span argument(int line, std::string_view call, int number) const;

 private:
  std::size_t find_call(int line, std::string_view call, std::string_view name) const;
  Span find(int line, std::string_view call, std::string_view name, std::string_view field, bool want_value) const;
  Span value_at(std::size_t first) const;

  std::vector<SourceToken> tokens_;
};

}  // namespace tidewatch
