// See plain_record.h. A cursor moves over the record; any surprise returns false. What is accepted here must be read
// by simdjson to the same bits: decode_plain_test.cc holds the two together on random records.
#include "records/plain_record.h"

#include <charconv>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "records/decode_time.h"

namespace tidewatch {

namespace {

constexpr int deepest = 48;  // nesting; deeper values are simdjson's

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// A well-formed character of more than one byte at p (RFC 3629); its length, or 0.
std::size_t wide_character(const unsigned char* p, std::size_t left) {
  const auto follows = [&](std::size_t i) { return i < left && (p[i] & 0xC0) == 0x80; };
  if (p[0] >= 0xC2 && p[0] <= 0xDF) return follows(1) ? 2 : 0;
  if ((p[0] & 0xF0) == 0xE0) {
    if (!follows(1) || !follows(2)) return 0;
    if (p[0] == 0xE0 && p[1] < 0xA0) return 0;  // overlong
    if (p[0] == 0xED && p[1] > 0x9F) return 0;  // a surrogate
    return 3;
  }
  if (p[0] >= 0xF0 && p[0] <= 0xF4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (p[0] == 0xF0 && p[1] < 0x90) return 0;
    if (p[0] == 0xF4 && p[1] > 0x8F) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t n = p[i] < 0x80 ? 1 : wide_character(p + i, text.size() - i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

#ifdef __SSE2__  // which also says: little-endian
// The bits of the next sixteen bytes that are no digits.
unsigned other_than_digits(const char* p) {
  const __m128i value = _mm_sub_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), _mm_set1_epi8('0'));
  const __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
  return static_cast<unsigned>(_mm_movemask_epi8(digits)) ^ 0xffffu;
}

std::uint64_t word_at(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// The number that the first `count` digits of a word make, 1 to 8: two, then four, then eight of them at a time.
std::uint64_t number_of(std::uint64_t word, unsigned count) {
  word = (word - 0x3030303030303030ull) << (64 - 8 * count);  // what is no digit goes out; zeros come in front
  word = word * 10 + (word >> 8);
  constexpr std::uint64_t pairs = 0x000000FF000000FFull;
  return ((word & pairs) * 0x000F424000000064ull + (word >> 16 & pairs) * 0x0000271000000001ull) >> 32;
}
#endif

constexpr double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

class Cursor {
 public:
  Cursor(const char* at, const char* end) : at_(at), end_(end) {}

  const char* at() const { return at_; }
  const char* end() const { return end_; }
  void skip_space() {
    while (at_ < end_ && is_space(*at_)) ++at_;
  }
  // The next character after white space, passed over when it is `c`.
  bool take(char c) {
    if (at_ < end_ && *at_ == c) [[likely]] {
      ++at_;
      return true;
    }
    skip_space();
    if (at_ >= end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool take_key(const LearntKey& key) {
    if (!key.stands_at(at_, end_)) return false;
    at_ += key.quoted_size;
    return true;
  }
  bool take(const Between& bytes) {
    if (!bytes.stands_at(at_, end_)) return false;
    at_ += bytes.size;
    return true;
  }
  bool literal(std::string_view word) {
    if (static_cast<std::size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0)
      return false;
    at_ += word.size();
    return ends_value();
  }
  bool text(std::string_view& out) {
    if (at_ >= end_ || *at_ != '"') return false;
    const char* const from = at_ + 1;
    const char* p = from;
    bool is_ascii = true;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(' ');
    for (;; p += 16) {
      if (p >= end_) return false;
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
      // Signed: a byte of a wide character is below a blank, like a control character.
      const __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(bytes, backslash), _mm_cmplt_epi8(bytes, blank));
      const auto odds = static_cast<unsigned>(_mm_movemask_epi8(odd));
      const auto quotes = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quote)));
      const unsigned before = quotes ? (quotes & (0u - quotes)) - 1 : 0xffffu;
      if (odds & before) {
        is_ascii = false;
        break;
      }
      if (quotes) {
        p += __builtin_ctz(quotes);
        break;
      }
    }
    if (!is_ascii)
#endif
    {
      for (is_ascii = true; p < end_ && *p != '"'; ++p) {
        const auto c = static_cast<unsigned char>(*p);
        if (c == '\\' || c < 0x20) return false;
        is_ascii = is_ascii && c < 0x80;
      }
    }
    if (p >= end_) return false;
    out = std::string_view(from, static_cast<std::size_t>(p - from));
    at_ = p + 1;
    return is_ascii || is_utf8(out);
  }
  bool integer(std::int64_t& out) {
    const char* p = at_;
    const bool is_negative = *p == '-';
    p += is_negative;
    const char* const first = p;
    std::uint64_t value = 0;
#ifdef __SSE2__
    // Up to fifteen digits that something else follows, at once.
    if (const unsigned others = other_than_digits(p); others > 1 && !(others & 1)) {
      const auto count = static_cast<unsigned>(__builtin_ctz(others));
      if (*first == '0' && (count > 1 || is_negative)) return false;
      value = count <= 8 ? number_of(word_at(p), count)
                         : number_of(word_at(p), count - 8) * 100'000'000 + number_of(word_at(p + count - 8), 8);
      out = is_negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
      return ends_at(p + count);
    }
#endif
    while (p < end_ && is_digit(*p)) value = value * 10 + static_cast<unsigned char>(*p++ - '0');
    const auto digits = p - first;
    // Up to 18 digits always fit; the rare rest, and -0, are left alone.
    if (digits == 0 || digits > 18 || (*first == '0' && (digits > 1 || is_negative))) return false;
    out = is_negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
    at_ = p;
    return ends_value();
  }
  // A number by JSON's grammar: its bytes from the cursor to `to`, and its decimal digits when they are few.
  struct Decimal {
    std::uint64_t digits = 0;
    int exponent = 0;
    bool is_negative = false, is_short = false;
  };
  bool decimal(Decimal& out) {
    const char* p = at_;
    out.is_negative = *p == '-';
    p += out.is_negative;
    const char* const first = p;
    std::uint64_t digits = 0;
    while (p < end_ && is_digit(*p)) digits = digits * 10 + static_cast<unsigned char>(*p++ - '0');
    auto count = p - first;
    if (count == 0 || (*first == '0' && count > 1)) return false;
    int exponent = 0;
    if (p < end_ && *p == '.') {
      const char* const point = ++p;
      while (p < end_ && is_digit(*p)) digits = digits * 10 + static_cast<unsigned char>(*p++ - '0');
      if (p == point) return false;
      exponent = -static_cast<int>(std::min<std::ptrdiff_t>(p - point, 10'000));
      count += p - point;
    }
    if (p < end_ && (*p == 'e' || *p == 'E')) {
      ++p;
      const bool is_down = p < end_ && *p == '-';
      if (p < end_ && (*p == '-' || *p == '+')) ++p;
      const char* const power = p;
      int value = 0;
      while (p < end_ && is_digit(*p)) {
        value = std::min(value * 10 + (*p - '0'), 100'000);
        ++p;
      }
      if (p == power) return false;
      exponent += is_down ? -value : value;
    }
    out.digits = digits;
    out.exponent = exponent;
    out.is_short = count <= 19;
    at_ = p;
    return ends_value();
  }
  bool number(double& out) {
    const char* const from = at_;
#ifdef __SSE2__
    // Up to eight digits around a point, with fewer than sixteen bytes: most of what measures and scores are.
    const bool is_negative = *from == '-';
    const char* const first = from + is_negative;
    const unsigned others = other_than_digits(first), behind = others & (others - 1);
    if (others > 1 && !(others & 1) && (*first != '0' || (others & 2))) {
      const auto whole = static_cast<unsigned>(__builtin_ctz(others));
      const unsigned end = behind ? static_cast<unsigned>(__builtin_ctz(behind)) : 16;
      if (first[whole] != '.' && whole <= 8 && ends_at(first + whole)) {
        out = static_cast<double>(number_of(word_at(first), whole));
        if (is_negative) out = -out;
        return true;
      }
      if (first[whole] == '.' && end > whole + 1 && end <= 9 && ends_at(first + end)) {
        const std::uint64_t low = (1ull << (8 * whole)) - 1;  // the point goes out
        const std::uint64_t digits = number_of((word_at(first) & low) | (word_at(first + 1) & ~low), end - 1);
        out = static_cast<double>(digits) / powers_of_ten[end - 1 - whole];
        if (is_negative) out = -out;
        return true;
      }
    }
#endif
    Decimal d;
    if (!decimal(d)) return false;
    // Both factors are exact, so the one rounding of their product or quotient is the right one (Clinger 1990).
    if (d.is_short && d.digits <= (1ull << 53) && d.exponent >= -22 && d.exponent <= 22) {
      double value = static_cast<double>(d.digits);
      value = d.exponent < 0 ? value / powers_of_ten[-d.exponent] : value * powers_of_ten[d.exponent];
      out = d.is_negative ? -value : value;
      return true;
    }
    const auto read = std::from_chars(from, at_, out);
    return read.ec == std::errc() && read.ptr == at_;
  }
  // A number whose value nobody asks for: nearly all end within sixteen bytes, at the first byte that is no digit
  // behind at most one point.
  bool skip_number() {
#ifdef __SSE2__
    const char* const first = at_ + (*at_ == '-');
    const unsigned others = other_than_digits(first), behind = others & (others - 1);
    if (others > 1 && !(others & 1) && (*first != '0' || (others & 2))) {
      const char* p = first + __builtin_ctz(others);
      if (*p != '.') {
        if (ends_at(p)) return true;
      } else if (behind && !(behind & (others & (0u - others)) << 1) && ends_at(first + __builtin_ctz(behind))) {
        return true;
      }
    }
#endif
    Decimal number;
    return decimal(number);
  }
  // Any value, read to its end; its shape is compared with, and learnt. `scalars` is room.
  bool skip(NestedShape& shape, std::vector<Scalar>& scalars) {
    if (at_ >= end_ || (*at_ != '{' && *at_ != '[')) return skip(1, nullptr);
    const char* const from = at_;
    if (skip_by(shape)) {
      ++shape.hits;
      return true;
    }
    at_ = from;
    // Where no two records are alike, learning would be for nothing.
    const bool learns = shape.misses < 64 || shape.hits > shape.misses;
    ++shape.misses;
    scalars.clear();
    if (!skip(1, learns ? &scalars : nullptr)) return false;
    if (learns) learn(shape, from, scalars);
    return true;
  }

 private:
  bool skip_by(const NestedShape& shape) {
    if (shape.parts.empty()) return false;
    for (const Between *part = shape.parts.data(), *const last = &shape.parts.back();; ++part) {
      if (!take(*part)) return false;
      if (part == last) return true;
      if (!skip_scalar()) return false;
    }
  }
  void learn(NestedShape& shape, const char* from, const std::vector<Scalar>& scalars) const {
    shape.parts.clear();
    if (scalars.size() > NestedShape::most_values) return;
    for (std::size_t i = 0; i <= scalars.size(); ++i) {
      if (!shape.parts.emplace_back().learn(from, i < scalars.size() ? scalars[i].from : at_)) {
        shape.parts.clear();
        return;
      }
      if (i < scalars.size()) from = scalars[i].to;
    }
  }
  bool skip_scalar() {
    std::string_view ignored;
    if (at_ >= end_) return false;
    switch (*at_) {
      case '"':
        return text(ignored);
      case 't':
        return literal("true");
      case 'f':
        return literal("false");
      case 'n':
        return literal("null");
      default:
        return skip_number();
    }
  }
  bool skip(int depth, std::vector<Scalar>* scalars) {
    if (at_ >= end_ || depth > deepest) return false;
    std::string_view ignored;
    switch (*at_) {
      case '{':
        ++at_;
        if (take('}')) return true;
        do {
          skip_space();
          if (!text(ignored) || !take(':')) return false;
          skip_space();
          if (!skip(depth + 1, scalars)) return false;
        } while (take(','));
        return take('}');
      case '[':
        ++at_;
        if (take(']')) return true;
        do {
          skip_space();
          if (!skip(depth + 1, scalars)) return false;
        } while (take(','));
        return take(']');
      default: {
        const char* const from = at_;
        if (!skip_scalar()) return false;
        if (scalars) scalars->push_back({from, at_});
        return true;
      }
    }
  }
  // Moves to p when the value in hand may end there.
  bool ends_at(const char* p) {
    if (p > end_ || (p < end_ && *p != ',' && *p != '}' && *p != ']' && !is_space(*p))) return false;
    at_ = p;
    return true;
  }
  bool ends_value() const { return at_ >= end_ || *at_ == ',' || *at_ == '}' || *at_ == ']' || is_space(*at_); }
  const char* at_;
  const char* end_;
};

bool take_time(Cursor& cursor, std::size_t column, RowBuilder& builder) {
  std::int64_t ns = 0, whole = 0;
  std::string_view text;
  if (*cursor.at() == '"') {
    if (!cursor.text(text) || !parse_event_time(text, builder.zone(), ns)) return false;
  } else {
    Cursor again = cursor;
    if (cursor.integer(whole)) {
      if (!epoch_to_ns(whole, ns)) return false;
    } else {
      double number;
      if (!again.number(number) || !epoch_to_ns(number, ns)) return false;
      cursor = again;
    }
  }
  builder.set_integer(column, ns);
  return true;
}

bool take_value(Cursor& cursor, std::size_t column, RowBuilder& builder) {
  const ColumnSpec& spec = builder.columns()[column];
  if (cursor.at() >= cursor.end()) return false;
  if (*cursor.at() == 'n') {
    if (!spec.nullable || !cursor.literal("null")) return false;
    builder.set_null(column);
    return true;
  }
  switch (spec.type) {
    case ColumnType::number: {
      double number;
      if (!cursor.number(number)) return false;
      builder.set_number(column, number);
      return true;
    }
    case ColumnType::integer: {
      std::int64_t whole;
      if (!cursor.integer(whole)) return false;
      builder.set_integer(column, whole);
      return true;
    }
    case ColumnType::boolean: {
      const bool truth = *cursor.at() == 't';
      if (!cursor.literal(truth ? "true" : "false")) return false;
      builder.set_integer(column, truth);
      return true;
    }
    case ColumnType::string:
    case ColumnType::category: {
      std::string_view text;
      if (!cursor.text(text)) return false;
      builder.set_text(column, text);
      return true;
    }
    case ColumnType::time:
      return take_time(cursor, column, builder);
  }
  return false;
}

}  // namespace

LearntKey::LearntKey(std::string_view text, int schema_column) : name(text), column(schema_column) {
  for (const char c : name) is_plain = is_plain && c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 32;
  quoted_ = "\"" + name + "\"";
  quoted_size = quoted_.size();
  is_short_ = is_plain && quoted_size <= sizeof bytes_;
  if (!is_short_) return;
  std::memcpy(bytes_, quoted_.data(), quoted_size);
  std::memset(mask_, 0xff, quoted_size);
}

bool PlainRecord::read(std::string_view text, std::vector<LearntKey>& keys, RowBuilder& builder) {
  static_assert(padding >= Between::most);
  Cursor cursor(text.data(), text.data() + text.size());
  unknown_.clear();
  if (keys.empty()) return false;
  LearntKey *const first = keys.data(), *const last = first + keys.size(), *next = first;
  for (bool is_first = true;; is_first = false) {
    LearntKey* key = next;
    if (key->opens_record == is_first && cursor.take(key->lead)) {
      if (++next == last) next = first;
    } else {
      const char* const from = cursor.at();
      if (!cursor.take(is_first ? '{' : ',')) {
        if (is_first) return false;
        break;
      }
      cursor.skip_space();
      key = nullptr;
      for (std::size_t tried = keys.size(); tried > 0 && !key; --tried) {
        if (cursor.take_key(*next)) key = next;
        if (++next == last) next = first;
      }
      if (!key || !cursor.take(':')) return false;
      cursor.skip_space();
      key->lead.learn(from, cursor.at());
      key->opens_record = is_first;
    }
    if (key->column < 0) {
      if (!cursor.skip(key->shape, scalars_)) return false;
      unknown_.push_back(key);
    } else if (!take_value(cursor, static_cast<std::size_t>(key->column), builder)) {
      return false;
    }
  }
  if (!cursor.take('}')) return false;
  cursor.skip_space();
  if (cursor.at() != cursor.end()) return false;
  for (LearntKey* key : unknown_) ++key->rows;
  return true;
}

}  // namespace tidewatch
