// Backtracking over pattern items; a step is one attempt of one item. Recursion is only for what must be undone
// (captures, repetitions), bounded by max_match_depth so that the C stack is.
#include "bindings/matcher.h"

#include <cstring>

namespace tidewatch {
namespace {

bool in_class(unsigned char c, char name) {
  const bool digit = c >= '0' && c <= '9';
  const bool lower = c >= 'a' && c <= 'z';
  const bool upper = c >= 'A' && c <= 'Z';
  const bool printing = c > 32 && c < 127;
  bool yes = false;
  switch (name | 32) {
    case 'a':
      yes = lower || upper;
      break;
    case 'c':
      yes = c < 32 || c == 127;
      break;
    case 'd':
      yes = digit;
      break;
    case 'g':
      yes = printing;
      break;
    case 'l':
      yes = lower;
      break;
    case 'p':
      yes = printing && !digit && !lower && !upper;
      break;
    case 's':
      yes = c == ' ' || (c >= 9 && c <= 13);
      break;
    case 'u':
      yes = upper;
      break;
    case 'w':
      yes = digit || lower || upper;
      break;
    case 'x':
      yes = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      break;
    default:
      return static_cast<unsigned char>(name) == c;
  }
  const bool negated = name >= 'A' && name <= 'Z';
  return yes != negated;
}

}  // namespace

bool is_plain_pattern(std::string_view pattern) {
  return pattern.find_first_of("^$*+?.([%-") == std::string_view::npos;
}

std::int64_t Matcher::fail(const char* why) {
  if (error_ == nullptr) error_ = why;
  return -1;
}

std::int64_t Matcher::match(std::size_t start) {
  level_ = 0;
  return run(start, 0, 0);
}

// The end of the single-character class at `p`, or npos with error() set.
std::size_t Matcher::class_end(std::size_t p) {
  const char c = pattern_[p++];
  if (c == '%') {
    if (p >= pattern_.size()) {
      fail("malformed pattern (ends with '%')");
      return std::string_view::npos;
    }
    return p + 1;
  }
  if (c != '[') return p;
  if (p < pattern_.size() && pattern_[p] == '^') ++p;
  std::int64_t length = 0;
  do {  // a ']' right at the start stands for itself
    if (p >= pattern_.size()) {
      fail("malformed pattern (missing ']')");
      return std::string_view::npos;
    }
    if (pattern_[p++] == '%') ++p;
    ++length;
  } while (p >= pattern_.size() || pattern_[p] != ']');
  steps_ += length / 8;
  return p + 1;
}

// `p` at '[', `end` at the closing ']'.
bool Matcher::in_set(unsigned char c, std::size_t p, std::size_t end) {
  bool inside = true;
  steps_ += static_cast<std::int64_t>((end - p) / 8);  // a set is as long as its author likes
  if (pattern_[p + 1] == '^') {
    inside = false;
    ++p;
  }
  while (++p < end) {
    if (pattern_[p] == '%') {
      ++p;
      if (in_class(c, pattern_[p])) return inside;
    } else if (p + 2 < end && pattern_[p + 1] == '-') {
      if (static_cast<unsigned char>(pattern_[p]) <= c && c <= static_cast<unsigned char>(pattern_[p + 2]))
        return inside;
      p += 2;
    } else if (static_cast<unsigned char>(pattern_[p]) == c) {
      return inside;
    }
  }
  return !inside;
}

bool Matcher::one(std::size_t s, std::size_t p, std::size_t end) {
  ++steps_;
  if (s >= subject_.size()) return false;
  const auto c = static_cast<unsigned char>(subject_[s]);
  switch (pattern_[p]) {
    case '.':
      return true;
    case '%':
      return in_class(c, pattern_[p + 1]);
    case '[':
      return in_set(c, p, end - 1);
    default:
      return static_cast<unsigned char>(pattern_[p]) == c;
  }
}

std::int64_t Matcher::repeat_longest(std::size_t s, std::size_t p, std::size_t end, int depth) {
  std::size_t count = 0;
  while (steps_ <= max_match_steps && one(s + count, p, end)) ++count;
  for (;; --count) {
    const std::int64_t stop = run(s + count, end + 1, depth + 1);
    if (stop >= 0 || error_ != nullptr) return stop;
    if (count == 0) return -1;
  }
}

std::int64_t Matcher::repeat_shortest(std::size_t s, std::size_t p, std::size_t end, int depth) {
  for (;; ++s) {
    const std::int64_t stop = run(s, end + 1, depth + 1);
    if (stop >= 0 || error_ != nullptr) return stop;
    if (!one(s, p, end)) return -1;
  }
}

// `%bxy` with `p` at x; the position behind the closing y.
std::int64_t Matcher::balance(std::size_t s, std::size_t p) {
  if (p + 1 >= pattern_.size()) return fail("malformed pattern (missing arguments to '%b')");
  if (s >= subject_.size() || subject_[s] != pattern_[p]) return -1;
  std::int64_t nesting = 1;
  for (std::size_t at = s + 1; at < subject_.size(); ++at) {
    ++steps_;
    if (subject_[at] == pattern_[p + 1]) {
      if (--nesting == 0) return static_cast<std::int64_t>(at) + 1;
    } else if (subject_[at] == pattern_[p]) {
      ++nesting;
    }
  }
  return -1;
}

std::int64_t Matcher::run(std::size_t s, std::size_t p, int depth) {
  if (depth > max_match_depth) return fail("pattern too complex");
  for (;;) {
    if (error_ != nullptr) return -1;
    if (++steps_ > max_match_steps)
      return fail("the pattern took over 1,000,000 steps; make it simpler or the text shorter");
    if (p >= pattern_.size()) return static_cast<std::int64_t>(s);
    const char c = pattern_[p];
    if (c == '(') {
      if (level_ >= max_captures) return fail("too many captures (at most 32)");
      const bool here = p + 1 < pattern_.size() && pattern_[p + 1] == ')';
      capture_[static_cast<std::size_t>(level_)] = {s, here ? position : open};
      ++level_;
      const std::int64_t stop = run(s, p + (here ? 2 : 1), depth + 1);
      if (stop < 0) --level_;
      return stop;
    }
    if (c == ')') {
      int last = level_ - 1;
      while (last >= 0 && capture_[static_cast<std::size_t>(last)].length != open) --last;
      if (last < 0) return fail("invalid pattern capture");
      Capture& closing = capture_[static_cast<std::size_t>(last)];
      closing.length = static_cast<std::int64_t>(s - closing.start);
      const std::int64_t stop = run(s, p + 1, depth + 1);
      if (stop < 0) closing.length = open;
      return stop;
    }
    if (c == '$' && p + 1 == pattern_.size()) return s == subject_.size() ? static_cast<std::int64_t>(s) : -1;
    if (c == '%' && p + 1 < pattern_.size()) {
      const char kind = pattern_[p + 1];
      if (kind == 'b') {
        const std::int64_t stop = balance(s, p + 2);
        if (stop < 0) return -1;
        s = static_cast<std::size_t>(stop);
        p += 4;
        continue;
      }
      if (kind == 'f') {
        p += 2;
        if (p >= pattern_.size() || pattern_[p] != '[') return fail("missing '[' after '%f' in pattern");
        const std::size_t end = class_end(p);
        if (end == std::string_view::npos) return -1;
        const auto before = static_cast<unsigned char>(s == 0 ? '\0' : subject_[s - 1]);
        const auto after = static_cast<unsigned char>(s < subject_.size() ? subject_[s] : '\0');
        if (in_set(before, p, end - 1) || !in_set(after, p, end - 1)) return -1;
        p = end;
        continue;
      }
      if (kind >= '0' && kind <= '9') {
        const int index = kind - '1';
        if (index < 0 || index >= level_ || capture_[static_cast<std::size_t>(index)].length == open)
          return fail("invalid capture index in pattern");
        const Capture& earlier = capture_[static_cast<std::size_t>(index)];
        if (earlier.length == position) return -1;  // a place is no text; the engines answer so too
        const auto length = static_cast<std::size_t>(earlier.length);
        steps_ += static_cast<std::int64_t>(length / 16);
        if (subject_.size() - s < length ||
            std::memcmp(subject_.data() + earlier.start, subject_.data() + s, length) != 0)
          return -1;
        s += length;
        p += 2;
        continue;
      }
    }
    const std::size_t end = class_end(p);
    if (end == std::string_view::npos) return -1;
    const char suffix = end < pattern_.size() ? pattern_[end] : '\0';
    if (suffix == '?') {
      if (one(s, p, end)) {
        const std::int64_t stop = run(s + 1, end + 1, depth + 1);
        if (stop >= 0 || error_ != nullptr) return stop;
      }
      p = end + 1;
      continue;
    }
    if (suffix == '+') return one(s, p, end) ? repeat_longest(s + 1, p, end, depth) : -1;
    if (suffix == '*') return repeat_longest(s, p, end, depth);
    if (suffix == '-') return repeat_shortest(s, p, end, depth);
    if (!one(s, p, end)) return -1;
    ++s;
    p = end;
  }
}

}  // namespace tidewatch
