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

// The bytes between two values as they last stood there. The next record mostly has the same ones: one comparison then
// does for a comma, a key, a colon and white space.
struct Between {
  static constexpr std::size_t most = 48;

  // False, and knowing nothing, when there are too many or none.
  bool learn(const char* from, const char* to) {
    size = static_cast<std::size_t>(to - from);
    if (size > most) size = 0;
    std::memset(bytes, 0, sizeof bytes);
    std::memcpy(bytes, from, size);
    return size > 0;
  }
  // True when `raw` begins with them. `most` bytes from `raw` on must be readable.
  bool stands_at(const char* raw, const char* end) const {
    if (size == 0 || static_cast<std::size_t>(end - raw) < size) return false;
#ifdef __SSE2__
    const auto same = [raw, this](std::size_t at) {
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(raw + at));
      const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + at));
      return static_cast<std::uint64_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)));
    };
    if (size <= 16) return (~same(0) & ((1ull << size) - 1)) == 0;
    return (~(same(0) | same(16) << 16 | same(32) << 32) & ((1ull << size) - 1)) == 0;
#else
    return std::memcmp(raw, bytes, size) == 0;
#endif
  }

  std::size_t size = 0;  // 0: none are known
  char bytes[most] = {};
};

// An object or array no column is read from, as it last was: what stands before, between and behind its numbers, texts
// and literals. Other such values in the same places are JSON as well.
struct NestedShape {
  static constexpr std::size_t most_values = 64;
  std::vector<Between> parts;  // one more than values; empty: none is known
  std::uint32_t hits = 0, misses = 0;
};

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

  // What stands before this key's value: `,"key":`. `opens_record` is true before a record's first key.
  Between lead;
  bool opens_record = false;
  NestedShape shape;  // of a value no column is read from

 private:
  static constexpr std::size_t most_words = 4;
  std::string quoted_;
  bool is_short_ = false;  // the words hold it
  std::uint64_t bytes_[most_words] = {}, mask_[most_words] = {};
};

// A number, text or literal: its bytes.
struct Scalar {
  const char *from, *to;
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
  std::vector<Scalar> scalars_;  // of a value whose shape is learnt
};

}  // namespace tidewatch
