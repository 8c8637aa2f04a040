// Small text helpers shared by every message a person reads.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidewatch {

// Names close to `got`: optimal string alignment distance at most max(1, floor(length / 3)), letter case free, or
// a shared prefix of 3 letters. At most 3, nearest first, ties by longer shared prefix, then alphabet.
std::vector<std::string> nearest_names(std::string_view got, std::span<const std::string> known);

// ` (did you mean "critical"?)`, or "" when nothing is near.
std::string did_you_mean(std::string_view got, std::span<const std::string> known);

// The shortest decimal that reads back as the same double; 3 as "3", 0.1 as "0.1". Never locale-dependent.
std::string format_number(double v);

// JSON string body escapes, without the quotes. Invalid UTF-8 bytes become U+FFFD.
std::string json_escape(std::string_view s);

// Text inside HTML or XML: < > & " escaped, control characters but tab and newline dropped.
std::string markup_escape(std::string_view s);

// 42 -> "42", 1234567 -> "1,234,567".
std::string with_thousands(std::uint64_t n);

bool is_valid_utf8(std::string_view s);

// FNV-1a 64 and SHA-256 (lower-case hex).
std::uint64_t fnv1a64(std::string_view s, std::uint64_t seed = 14695981039346656037ull);
std::string sha256_hex(std::string_view s);
std::array<std::uint8_t, 32> sha256(std::string_view s);

}  // namespace tidewatch
