// Records as programs write them: keys in the order of the record before, texts without escapes, nothing wrong. Such a
// record is read in one pass over its bytes, with no index of it made first; everything else is left to simdjson, which
// alone decides what is malformed and says why. Written by hand rather than asked of simdjson compiled for newer
// processors: one binary runs anywhere, and a record's own reader need not find its structure twice.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "records/row_builder.h"

namespace tidewatch {

// A key of the last records, in their order.
struct LearntKey {
  explicit LearntKey(std::string_view text, int schema_column);

  std::string name;
  std::size_t quoted_size = 0;
  int column = -1;         // -1: not in the schema
  bool is_plain = true;    // may be compared raw: no quote, backslash or control character
  std::uint64_t rows = 0;  // of this body, for unknown keys

  // True when `raw` begins with the key in quotes. 32 bytes from `raw` on must be readable.
  bool stands_at(const char* raw, const char* end) const {
    if (static_cast<std::size_t>(end - raw) < quoted_size) return false;
    if (!is_short_) return is_plain && std::memcmp(raw, quoted_.data(), quoted_size) == 0;
    std::uint64_t words[most_words], different = 0;
    std::memcpy(words, raw, sizeof words);
    for (std::size_t i = 0; i < most_words; ++i) different |= (words[i] ^ bytes_[i]) & mask_[i];
    return different == 0;
  }

  // The bytes from the end of a value to the next one, as they last stood around this key: `,"key":`. The next record
  // mostly has the same ones, and they are then compared at once. `opens` is true before a record's first key.
  void learn_lead(const char* from, const char* to, bool opens) {
    lead_size = 0;
    const auto size = static_cast<std::size_t>(to - from);
    if (size > sizeof lead_) return;
    std::memset(lead_, 0, sizeof lead_);
    std::memcpy(lead_, from, size);
    lead_size = size;
    lead_opens_ = opens;
  }
  // True when `raw` begins with the lead. `most_lead` bytes from `raw` on must be readable.
  bool lead_stands_at(const char* raw, const char* end, bool opens) const {
    if (opens != lead_opens_ || static_cast<std::size_t>(end - raw) < lead_size || lead_size == 0) return false;
#ifdef __SSE2__
    const auto same = [raw, this](std::size_t at) {
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(raw + at));
      const __m128i b = _mm_load_si128(reinterpret_cast<const __m128i*>(lead_ + at));
      return static_cast<std::uint64_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)));
    };
    if (lead_size <= 16) return (~same(0) & ((1ull << lead_size) - 1)) == 0;
    return (~(same(0) | same(16) << 16 | same(32) << 32) & ((1ull << lead_size) - 1)) == 0;
#else
    return std::memcmp(raw, lead_, lead_size) == 0;
#endif
  }
  static constexpr std::size_t most_lead = 48;
  std::size_t lead_size = 0;  // 0: none is known

 private:
  static constexpr std::size_t most_words = 4;
  alignas(16) char lead_[most_lead] = {};
  bool lead_opens_ = false;
  std::string quoted_;
  bool is_short_ = false;  // the words hold it
  std::uint64_t bytes_[most_words] = {}, mask_[most_words] = {};
};

class PlainRecord {
 public:
  // Bytes past the end of a record that must be readable (their values do not matter).
  static constexpr std::size_t padding = 64;

  // Reads the record [text, text + size) into the builder's row, which has been begun. False when it is not plain:
  // the row must then be begun again, and nothing else has been touched. True says that the record is JSON, that every
  // value has its column's type, and that the rows of unknown keys have been counted.
  bool read(std::string_view text, std::vector<LearntKey>& keys, RowBuilder& builder);

 private:
  std::vector<LearntKey*> unknown_;
};

}  // namespace tidewatch
