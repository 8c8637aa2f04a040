// A sum of doubles without rounding: the value is one wide integer in units of 2^-1074, held as signed 64-bit chunks
// 32 bits apart, so additions need no carry for a long time and every order, split and merge gives the same bits.
// Compensated and pairwise sums were left out: both depend on the order of arrival. The idea is Radford Neal's small
// superaccumulator (arXiv 1505.05571); here only the touched run of chunks is kept, in place while it is short.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace tidewatch {

class ExactSum {
 public:
  ExactSum() = default;
  ExactSum(const ExactSum& other);
  ExactSum& operator=(const ExactSum& other);
  ExactSum(ExactSum&&) noexcept = default;
  ExactSum& operator=(ExactSum&&) noexcept = default;

  // Adds a finite value. About 4 ns while the run of chunks stands.
  void add(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const auto biased = static_cast<unsigned>(bits >> 52) & 0x7ffu;
    std::uint64_t mantissa = bits & 0xfffffffffffffull;
    if (biased == 0 && mantissa == 0) return;
    mantissa |= static_cast<std::uint64_t>(biased != 0) << 52;
    const unsigned position = biased - (biased != 0);
    const unsigned chunk = position >> 5, shift = position & 31;
    if (chunk < first_ || chunk + 2 > first_ + size_) cover(chunk, chunk + 2);
    const auto low = static_cast<std::int64_t>((mantissa << shift) & 0xffffffffull);
    const auto high = static_cast<std::int64_t>(mantissa >> (32 - shift));
    const std::int64_t sign = (bits >> 63) ? -1 : 1;
    std::int64_t* at = chunks() + (chunk - first_);
    at[0] += sign * low;
    at[1] += sign * high;
    if (++pending_ >= most_pending) carry();
  }
  // Adds value * value, or a * b, exactly unless it underflows. The product must be finite (|value| < 1e150 does it).
  // By whole numbers: the product of two mantissas has 106 bits, which are four chunks wherever it lies. What the
  // product lacks after rounding, by std::fma, is the same and a call into libm.
  void add_product(double a, double b) {
    const auto of_a = std::bit_cast<std::uint64_t>(a), of_b = std::bit_cast<std::uint64_t>(b);
    const Product product(of_a, of_b);
    const unsigned chunk = product.place >> 5;
    if (product.place > most_place) [[unlikely]]
      return add_rare_product(a, b);
    if (product.is_short()) return add(a * b);
    if (chunk < first_ || chunk + 4 > first_ + size_) cover(chunk, chunk + 4);
    product.add_to(chunks() + (chunk - first_));
    if (++pending_ >= most_pending) carry();
  }
  // The same as add() of each, or add_product(each, each), for finite values: what a value needs is looked up once for
  // many of them.
  void add_all(std::span<const double> values);
  void add_squares(std::span<const double> values);
  // Takes back an add() or add_product() of the same: the sum is a whole number, so what is left is the sum of the
  // rest.
  void take(double value) { add(-value); }
  void take_product(double a, double b) { add_product(-a, b); }
  void merge(const ExactSum& other);

  bool is_zero() const;
  // The sum, rounded once, half to even. Infinite when it is beyond the largest double.
  double value() const;
  // The sum as doubles of falling size whose exact sum it is; stops after `most` parts. Empty for 0 or an overflow.
  std::vector<double> parts(std::size_t most = 48) const;

  // Canonical: equal sums have equal bytes (sign, first chunk, magnitude).
  void write(ByteWriter& out) const;
  bool read(ByteReader& in);  // false when damaged

  std::size_t memory_bytes() const { return sizeof *this + (large_ ? all_chunks * 8 : 0); }

 private:
  static constexpr unsigned all_chunks = 67, inline_chunks = 7;
  static constexpr std::uint32_t most_pending = 1024;  // a chunk gains less than 2^52 an add
  static constexpr unsigned most_place = 1972;         // of a product that is well within the range of doubles

  __extension__ using Wide = unsigned __int128;
  static unsigned exponent(std::uint64_t bits) { return static_cast<unsigned>(bits >> 52) & 0x7ffu; }
  static std::uint64_t mantissa(std::uint64_t bits) {
    return (bits & 0xfffffffffffffull) | static_cast<std::uint64_t>(exponent(bits) != 0) << 52;
  }
  // Of two doubles, given as bits: a whole number of 106 bits at a place in units of 2^-1074; below those it wraps to
  // beyond most_place.
  struct Product {
    std::uint64_t low, high;
    unsigned place;
    std::int64_t sign;  // 0 or -1
    Product(std::uint64_t a, std::uint64_t b)
        : place(std::max(exponent(a), 1u) + std::max(exponent(b), 1u) - 1076u),
          sign(static_cast<std::int64_t>(a ^ b) >> 63) {
      const Wide product = static_cast<Wide>(mantissa(a)) * mantissa(b);
      low = static_cast<std::uint64_t>(product);
      high = static_cast<std::uint64_t>(product >> 64);
    }
    bool is_short() const { return (low & 0x1fffffffffffffull) == 0; }  // a double holds it
    void add_to(std::int64_t* at) const {
      const unsigned shift = place & 31;
      const std::uint64_t lower = low << shift, upper = high << shift | (low >> 1 >> (63 - shift));
      at[0] += (static_cast<std::int64_t>(lower & 0xffffffffull) ^ sign) - sign;
      at[1] += (static_cast<std::int64_t>(lower >> 32) ^ sign) - sign;
      at[2] += (static_cast<std::int64_t>(upper & 0xffffffffull) ^ sign) - sign;
      at[3] += (static_cast<std::int64_t>(high >> (32 - shift)) ^ sign) - sign;
    }
  };
  void add_rare_product(double a, double b);
  void add_whole(std::uint64_t low, std::uint64_t middle, std::uint64_t high, unsigned place, bool is_negative);

  std::int64_t* chunks() { return large_ ? large_.get() : small_; }
  const std::int64_t* chunks() const { return large_ ? large_.get() : small_; }
  void cover(unsigned from, unsigned to);  // widens the run to hold chunks [from, to)
  void carry();
  // Sign and magnitude in base 2^32; `low` is the index of digits[0].
  struct Digits {
    bool negative = false;
    unsigned low = 0, count = 0;
    std::uint32_t digits[all_chunks + 3];  // the first `count`; no zero at either end
  };
  void take_digits(Digits& out) const;
  // Rounds sign, digits and their place (the exponent of digits[0]) to a double, once, half to even; no subnormals.
  static double rounded(bool negative, const std::uint32_t* digits, unsigned count, int exponent);
  friend double centered(std::uint64_t n, const ExactSum& x, const ExactSum& y, const ExactSum& xy);

  std::int64_t small_[inline_chunks] = {};
  std::unique_ptr<std::int64_t[]> large_;
  std::uint32_t pending_ = 0;
  std::uint16_t first_ = 0, size_ = 0;
};

// Σxy - Σx * Σy / n without cancellation: the difference is taken exactly and rounded once before the division by n.
// With y = x it is Σ(x - mean)². n > 0. Not finite when a sum is beyond the largest double.
double centered(std::uint64_t n, const ExactSum& x, const ExactSum& y, const ExactSum& xy);
// The same by sums of doubles, for values of any size: what centered() does where its integers would be long.
double centered_by_parts(std::uint64_t n, const ExactSum& x, const ExactSum& y, const ExactSum& xy);

// The standard error of Σx / n, from Σx and Σx²; negative (none) under two values or beyond the largest double.
double mean_error(std::uint64_t n, const ExactSum& x, const ExactSum& squares);

// A sum that stands only in states that need it.
class OptionalSum {
 public:
  void begin() {
    if (!sum_) sum_ = std::make_unique<ExactSum>();
  }
  explicit operator bool() const { return sum_ != nullptr; }
  ExactSum& operator*() { return *sum_; }
  const ExactSum& operator*() const { return *sum_; }
  void merge(const OptionalSum& other) {
    if (!other) return;
    begin();
    sum_->merge(*other);
  }
  void write(ByteWriter& out) const {
    out.put(static_cast<std::uint8_t>(sum_ != nullptr));
    if (sum_) sum_->write(out);
  }
  bool read(ByteReader& in) {
    if (in.get<std::uint8_t>() == 0) return in.good();
    begin();
    return sum_->read(in);
  }
  std::size_t memory_bytes() const { return sum_ ? sum_->memory_bytes() : 0; }

 private:
  std::unique_ptr<ExactSum> sum_;
};

}  // namespace tidewatch
