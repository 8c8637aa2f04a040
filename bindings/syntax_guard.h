// Refuses, before the compiler sees it, what only one of the two engines reads. A pack is written in the syntax both
// share (Lua 5.1), so that it means the same under either build.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tidewatch {

struct SyntaxRefusal {
  int line = 1;
  std::string text;  // a sentence: what was met and what to write instead
};

// Looks at tokens only (comments and strings are skipped); a file with other syntax errors passes here and is
// refused by the compiler. Also refuses bytecode: its first byte is 0x1B, and a crafted one can break the VM.
std::optional<SyntaxRefusal> check_syntax(std::string_view source);

}  // namespace tidewatch
