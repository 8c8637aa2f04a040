// Text every message shares: near names, numbers, JSON escapes, digests. No locale is ever consulted (std::to_chars,
// never printf for numbers), so a German terminal and a container print the same bytes.
#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tidewatch {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view s) {
  std::string out(s);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

// Optimal string alignment: insert, delete, replace and swap of neighbours cost 1, no part is edited twice.
// Three rows of the Damerau-Levenshtein table (Boytsov 2011, section 2.1).
std::size_t alignment_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::size_t shared_prefix(const std::string& a, const std::string& b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t n = 0;
  while (n < most && a[n] == b[n]) ++n;
  return n;
}

// The length of the valid UTF-8 sequence at `at`, or 0: no overlong forms, no surrogates, at most U+10FFFF.
std::size_t utf8_length(std::string_view s, std::size_t at) {
  const auto byte = [&](std::size_t i) { return at + i < s.size() ? static_cast<unsigned char>(s[at + i]) : 0u; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

// Past this a name is not a slip of the fingers, and the table would cost its square.
constexpr std::size_t longest_name = 200;
constexpr std::size_t most_names = 3;
constexpr char hex_digits[] = "0123456789abcdef";

}  // namespace

std::vector<std::string> nearest_names(std::string_view got, std::span<const std::string> known) {
  if (got.empty() || got.size() > longest_name) return {};
  struct Near {
    std::size_t distance, prefix;
    const std::string* name;
  };
  const std::string wanted = lowered(got);
  const std::size_t limit = std::max<std::size_t>(1, wanted.size() / 3);
  std::vector<Near> near;
  for (const std::string& name : known) {
    if (name.size() > longest_name) continue;
    const std::string candidate = lowered(name);
    const std::size_t prefix = shared_prefix(wanted, candidate);
    const std::size_t distance = alignment_distance(wanted, candidate);
    if (distance <= limit || prefix >= 3) near.push_back({distance, prefix, &name});
  }
  std::sort(near.begin(), near.end(), [](const Near& a, const Near& b) {
    if (a.distance != b.distance) return a.distance < b.distance;
    if (a.prefix != b.prefix) return a.prefix > b.prefix;
    return *a.name < *b.name;
  });
  std::vector<std::string> out;
  for (const Near& n : near) {
    if (out.size() == most_names) break;
    if (std::find(out.begin(), out.end(), *n.name) == out.end()) out.push_back(*n.name);
  }
  return out;
}

std::string did_you_mean(std::string_view got, std::span<const std::string> known) {
  const std::vector<std::string> near = nearest_names(got, known);
  return near.empty() ? "" : " (did you mean \"" + near.front() + "\"?)";
}

std::string format_number(double v) {
  if (std::isnan(v)) return "nan";
  if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
  // Plain digits for the sizes people read; to_chars alone would turn 0.0001 and 1200000 into powers of ten.
  const double size = std::fabs(v);
  const bool plain = size == 0 || (size >= 1e-5 && size < 1e15);
  char out[64];
  const auto end =
      std::to_chars(out, out + sizeof out, v, plain ? std::chars_format::fixed : std::chars_format::scientific);
  return std::string(out, end.ptr);
}

std::string json_escape(std::string_view s) {
  // Most texts are names: copied as they are up to the first byte that is not plain.
  std::size_t plain = 0;
  while (plain < s.size() && s[plain] >= 0x20 && s[plain] < 0x7f && s[plain] != '"' && s[plain] != '\\') ++plain;
  std::string out(s.substr(0, plain));
  if (plain == s.size()) return out;
  out.reserve(s.size() + 8);
  for (std::size_t i = plain; i < s.size();) {
    const std::size_t n = utf8_length(s, i);
    const char c = s[i];
    if (n == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
      continue;
    }
    if (n > 1) {
      out.append(s.substr(i, n));
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += "\\u00";
      out += hex_digits[static_cast<unsigned char>(c) >> 4];
      out += hex_digits[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
    i += n;
  }
  return out;
}

std::string markup_escape(std::string_view s) {
  std::string out;
  for (const char c : s) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
    }
  }
  return out;
}

std::string with_thousands(std::uint64_t n) {
  std::string out = std::to_string(n);
  for (std::size_t at = out.size(); at > 3;) {
    at -= 3;
    out.insert(at, 1, ',');
  }
  return out;
}

bool is_valid_utf8(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const std::size_t n = utf8_length(s, i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

std::uint64_t fnv1a64(std::string_view s, std::uint64_t seed) {
  std::uint64_t hash = seed;
  for (const char c : s) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ull;
  }
  return hash;
}

}  // namespace tidewatch
