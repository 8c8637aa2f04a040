// Lua patterns with a limit on steps. The engines' own matcher is one C call, exponential on `a?a?a?...`, and no hook
// can stop it. This one is written anew after the reference manual (5.4, section 6.4.1), differs from neither engine on
// what both answer, and gives up after 10^6 steps a call with a sentence.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidewatch {

inline constexpr std::int64_t max_match_steps = 1'000'000;
inline constexpr int max_captures = 32;
inline constexpr int max_match_depth = 200;

class Matcher {
 public:
  // Both are borrowed for the matcher's life. `pattern` is without a leading anchor.
  Matcher(std::string_view subject, std::string_view pattern) : subject_(subject), pattern_(pattern) {}

  // Matches at `start`; the end of the match, or -1. After -1 `error()` tells a malformed pattern or the limit from no
  // match. Steps add up over all calls of one matcher.
  std::int64_t match(std::size_t start);

  struct Capture {
    std::size_t start = 0;
    std::int64_t length = 0;  // open or position below
  };
  static constexpr std::int64_t open = -1, position = -2;

  int captures() const { return level_; }
  const Capture& capture(int index) const { return capture_[static_cast<std::size_t>(index)]; }
  const char* error() const { return error_; }
  std::int64_t steps() const { return steps_; }

 private:
  std::int64_t run(std::size_t s, std::size_t p, int depth);
  std::int64_t fail(const char* why);
  std::size_t class_end(std::size_t p);
  bool one(std::size_t s, std::size_t p, std::size_t end);
  bool in_set(unsigned char c, std::size_t p, std::size_t end);
  std::int64_t repeat_longest(std::size_t s, std::size_t p, std::size_t end, int depth);
  std::int64_t repeat_shortest(std::size_t s, std::size_t p, std::size_t end, int depth);
  std::int64_t balance(std::size_t s, std::size_t p);

  std::string_view subject_, pattern_;
  std::array<Capture, max_captures> capture_{};
  int level_ = 0;
  std::int64_t steps_ = 0;
  const char* error_ = nullptr;
};

// True when `pattern` has no character with a meaning, so that searching it is plain.
bool is_plain_pattern(std::string_view pattern);

}  // namespace tidewatch
