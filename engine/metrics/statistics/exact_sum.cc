// The slow half of the exact sum: widening, carrying, rounding once, and the canonical bytes.
#include "metrics/statistics/exact_sum.h"

#include <cstdlib>
#include <limits>

namespace tidewatch {

ExactSum::ExactSum(const ExactSum& other) { *this = other; }

ExactSum& ExactSum::operator=(const ExactSum& other) {
  if (this == &other) return *this;
  pending_ = other.pending_;
  first_ = other.first_;
  size_ = other.size_;
  std::copy(other.small_, other.small_ + inline_chunks, small_);
  large_.reset();
  if (other.large_) {
    large_ = std::make_unique<std::int64_t[]>(all_chunks);
    std::copy(other.large_.get(), other.large_.get() + all_chunks, large_.get());
  }
  return *this;
}

void ExactSum::cover(unsigned from, unsigned to) {
  if (size_ == 0) {
    if (!large_ && to - from > inline_chunks) large_ = std::make_unique<std::int64_t[]>(all_chunks);
    first_ = static_cast<std::uint16_t>(from);
    size_ = static_cast<std::uint16_t>(to - from);
    return;
  }
  from = std::min<unsigned>(from, first_);
  to = std::max<unsigned>(to, first_ + size_);
  if (!large_ && to - from <= inline_chunks) {
    if (from < first_) {
      std::copy_backward(small_, small_ + size_, small_ + size_ + (first_ - from));
      std::fill(small_, small_ + (first_ - from), 0);
    }
  } else {
    auto wide = std::make_unique<std::int64_t[]>(all_chunks);
    std::copy(chunks(), chunks() + size_, wide.get() + (first_ - from));
    large_ = std::move(wide);
  }
  first_ = static_cast<std::uint16_t>(from);
  size_ = static_cast<std::uint16_t>(to - from);
}

namespace {

constexpr std::size_t at_once = 512;  // of most_pending adds

// The exponent of the first value that is not 0; 0 when there is none.
unsigned first_exponent(std::span<const double> values) {
  for (const double value : values)
    if (value != 0) return static_cast<unsigned>(std::bit_cast<std::uint64_t>(value) >> 52) & 0x7ffu;
  return 0;
}

}  // namespace

// Values whose exponents are near each other, as those of one column nearly always are, add up in two registers: 53
// bits, the distance of the exponents, nine more for how many there are, a sign. That some was too far is found out
// afterwards, which costs less than a look at all of them before.
void ExactSum::add_all(std::span<const double> values) {
  constexpr unsigned below = 30, distance = 63;
  for (; !values.empty(); values = values.subspan(std::min(values.size(), at_once))) {
    const auto part = values.first(std::min(values.size(), at_once));
    const unsigned first = first_exponent(part), from = first > below ? first - below : 1;
    Wide sum = 0;
    unsigned farthest = 0;
    for (const double value : part) {
      const auto bits = std::bit_cast<std::uint64_t>(value);
      const std::int64_t sign = static_cast<std::int64_t>(bits) >> 63;
      const auto digits = static_cast<std::int64_t>(mantissa(bits));
      const unsigned shift = exponent(bits) - from;  // of 0 and subnormal values beyond all
      farthest |= digits != 0 ? shift : 0;
      sum += static_cast<Wide>((digits ^ sign) - sign) << (shift & distance);
    }
    if (farthest > distance) {
      for (const double value : part) add(value);
      continue;
    }
    const bool is_negative = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum >> 64)) < 0;
    if (is_negative) sum = -sum;
    add_whole(static_cast<std::uint64_t>(sum), static_cast<std::uint64_t>(sum >> 64), 0, from - 1, is_negative);
  }
}

// The same in three registers: 106 bits and twice the distance.
void ExactSum::add_squares(std::span<const double> values) {
  constexpr unsigned below = 15, distance = 31;
  for (; !values.empty(); values = values.subspan(std::min(values.size(), at_once))) {
    const auto part = values.first(std::min(values.size(), at_once));
    const unsigned first = first_exponent(part), from = first > below ? first - below : 1;
    const unsigned place = 2 * from - 1076u;
    Wide sum = 0;
    std::uint64_t top = 0;
    unsigned farthest = 0;
    for (const double value : part) {
      const auto bits = std::bit_cast<std::uint64_t>(value);
      const std::uint64_t digits = mantissa(bits);
      const Wide square = static_cast<Wide>(digits) * digits;
      const unsigned apart = exponent(bits) - from, shift = 2 * (apart & distance);
      farthest |= digits != 0 ? apart : 0;
      const Wide lower = square << shift;
      sum += lower;
      top += (static_cast<std::uint64_t>(square >> 64) >> 1 >> (63 - shift)) + (sum < lower);
    }
    if (farthest > distance || place > most_place - 2 * distance) {
      for (const double value : part) add_product(value, value);
      continue;
    }
    add_whole(static_cast<std::uint64_t>(sum), static_cast<std::uint64_t>(sum >> 64), top, place, false);
  }
}

// A whole number of three words, at a place in units of 2^-1074. Only chunks that get something are touched.
void ExactSum::add_whole(std::uint64_t low, std::uint64_t middle, std::uint64_t high, unsigned place,
                         bool is_negative) {
  const unsigned shift = place & 31;
  const std::uint64_t words[3] = {low, middle, high};
  std::uint32_t digits[7];  // of 32 bits, shifted to where chunks begin
  std::uint64_t above = 0;  // what the digit before pushed up
  for (unsigned i = 0; i < 6; ++i) {
    const std::uint64_t moved = (words[i / 2] >> (i % 2 * 32) & 0xffffffffull) << shift | above;
    digits[i] = static_cast<std::uint32_t>(moved);
    above = moved >> 32;
  }
  digits[6] = static_cast<std::uint32_t>(above);
  unsigned from = 0, to = 7;
  while (to > from && digits[to - 1] == 0) --to;
  while (from < to && digits[from] == 0) ++from;
  if (from == to) return;
  const unsigned chunk = place >> 5;
  if (size_ == 0 || chunk + from < first_ || chunk + to > first_ + size_) cover(chunk + from, chunk + to);
  std::int64_t* const at = chunks();
  for (unsigned i = from; i < to; ++i)
    at[chunk + i - first_] += is_negative ? -static_cast<std::int64_t>(digits[i]) : digits[i];
  if (++pending_ >= most_pending) carry();
}

void ExactSum::add_rare_product(double a, double b) {
  const double product = a * b;
  add(product);
  add(std::fma(a, b, -product));
}

// Leaves every chunk but the last in [0, 2^32); the sign lives in the last one.
void ExactSum::carry() {
  pending_ = 0;
  if (size_ == 0) return;
  std::int64_t* at = chunks();
  for (unsigned i = 0; i + 1 < size_; ++i) {
    at[i + 1] += at[i] >> 32;
    at[i] &= 0xffffffff;
  }
  const std::int64_t top = at[size_ - 1];
  if ((top > (1ll << 40) || top < -(1ll << 40)) && first_ + size_ < all_chunks) {
    const unsigned index = size_ - 1u;
    cover(first_, first_ + size_ + 1u);
    at = chunks();
    at[index + 1] = at[index] >> 32;
    at[index] &= 0xffffffff;
  }
}

void ExactSum::merge(const ExactSum& other) {
  if (other.size_ == 0) return;
  // Both sides hold fewer than most_pending adds, so this sum of chunks cannot overflow before the carry.
  if (pending_ + other.pending_ + 1 >= most_pending) carry();
  if (size_ == 0 || other.first_ < first_ || other.first_ + other.size_ > first_ + size_)
    cover(other.first_, other.first_ + other.size_);
  std::int64_t* at = chunks() + (other.first_ - first_);
  const std::int64_t* from = other.chunks();
  for (unsigned i = 0; i < other.size_; ++i) at[i] += from[i];
  pending_ += other.pending_ + 1;
  if (pending_ >= most_pending) carry();
}

void ExactSum::take_digits(Digits& out) const {
  out.negative = false;
  out.low = out.count = 0;
  if (size_ == 0) return;
  std::int64_t work[all_chunks + 3];
  const unsigned count = size_ + 2u;
  std::copy(chunks(), chunks() + size_, work);
  work[count - 2] = work[count - 1] = 0;
  const auto carry_all = [&] {
    for (unsigned i = 0; i + 1 < count; ++i) {
      work[i + 1] += work[i] >> 32;
      work[i] &= 0xffffffff;
    }
  };
  carry_all();
  if (work[count - 1] < 0) {
    out.negative = true;
    for (unsigned i = 0; i < count; ++i) work[i] = -work[i];
    carry_all();
  }
  unsigned low = 0, high = count;
  while (high > 0 && work[high - 1] == 0) --high;
  while (low < high && work[low] == 0) ++low;
  if (low == high) {
    out.negative = false;
    return;
  }
  out.low = first_ + low;
  out.count = high - low;
  for (unsigned i = low; i < high; ++i) out.digits[i - low] = static_cast<std::uint32_t>(work[i]);
}

bool ExactSum::is_zero() const {
  Digits d;
  take_digits(d);
  return d.count == 0;
}

double ExactSum::value() const {
  Digits d;
  take_digits(d);
  if (d.count == 0) return 0.0;
  const int count = static_cast<int>(d.count);
  const auto digit = [&](int i) -> std::uint64_t { return i < 0 ? 0 : d.digits[i]; };
  const int lead = std::countl_zero(d.digits[count - 1]);
  const int top = 32 * (static_cast<int>(d.low) + count) - lead - 1;  // place of the highest bit, 2^(top - 1074)
  // The 64 bits from the highest one down, and whether anything stands below them.
  std::uint64_t head = (digit(count - 1) << 32) | digit(count - 2);
  bool sticky = false;
  if (lead) {
    head = (head << lead) | (digit(count - 3) >> (32 - lead));
    sticky = (digit(count - 3) << (32 + lead)) != 0;
  } else {
    sticky = digit(count - 3) != 0;
  }
  for (int i = count - 4; i >= 0 && !sticky; --i) sticky = digit(i) != 0;
  int drop = 11;                  // bits of head below a 53-bit mantissa
  if (top < 52) drop = 63 - top;  // subnormal: the unit itself is the last bit, nothing is lost
  std::uint64_t kept = drop >= 64 ? 0 : head >> drop;
  const std::uint64_t rest = head & ((1ull << drop) - 1), half = 1ull << (drop - 1);
  if (rest > half || (rest == half && (sticky || (kept & 1)))) ++kept;
  const double magnitude = std::ldexp(static_cast<double>(kept), top - 63 + drop - 1074);
  return d.negative ? -magnitude : magnitude;
}

std::vector<double> ExactSum::parts(std::size_t most) const {
  std::vector<double> out;
  out.reserve(4);
  ExactSum rest = *this;
  while (out.size() < most) {
    const double next = rest.value();
    if (next == 0 || !std::isfinite(next)) break;
    out.push_back(next);
    rest.add(-next);
  }
  return out;
}

void ExactSum::write(ByteWriter& out) const {
  Digits d;
  take_digits(d);
  out.put(static_cast<std::uint8_t>(d.negative));
  out.put(static_cast<std::uint8_t>(d.low));
  out.put(static_cast<std::uint8_t>(d.count));
  for (unsigned i = 0; i < d.count; ++i) out.put(d.digits[i]);
}

bool ExactSum::read(ByteReader& in) {
  *this = ExactSum();
  const auto negative = in.get<std::uint8_t>();
  const auto low = in.get<std::uint8_t>(), count = in.get<std::uint8_t>();
  if (!in.good() || negative > 1 || low + count > all_chunks) {
    in.fail();
    return false;
  }
  if (count == 0) return true;
  cover(low, low + count);
  for (unsigned i = 0; i < count; ++i) {
    const auto digit = static_cast<std::int64_t>(in.get<std::uint32_t>());
    chunks()[i] = negative ? -digit : digit;
  }
  pending_ = 1;
  return in.good();
}

double ExactSum::rounded(bool negative, const std::uint32_t* digits, unsigned count, int exponent) {
  const auto digit = [&](unsigned from_top) -> std::uint64_t {
    return from_top < count ? digits[count - 1 - from_top] : 0;
  };
  const int lead = std::countl_zero(digits[count - 1]);
  std::uint64_t head = (digit(0) << 32 | digit(1)) << lead, below = digit(2) << (32 + lead);
  if (lead) head |= digit(2) >> (32 - lead);
  for (unsigned i = 3; i < count && below == 0; ++i) below = digit(i);
  std::uint64_t kept = head >> 11;
  const std::uint64_t rest = head & 0x7ff, half = 0x400;
  if (rest > half || (rest == half && (below != 0 || (kept & 1)))) ++kept;
  const int top = 32 * static_cast<int>(count) - lead - 1;
  const double magnitude = std::ldexp(static_cast<double>(kept), exponent + top - 52);
  return negative ? -magnitude : magnitude;
}

double centered(std::uint64_t n, const ExactSum& x, const ExactSum& y, const ExactSum& xy) {
  // n * xy - x * y as one integer in units of 2^-2148. Sums of a usual range are a few digits of 32 bits.
  constexpr unsigned few = 12, room = 24;
  constexpr int farthest = 900;  // of the result's exponent: neither way has to do with subnormals then
  ExactSum::Digits dx, dy, dxy;
  x.take_digits(dx);
  if (&y != &x) y.take_digits(dy);
  const ExactSum::Digits& of_y = &y == &x ? dx : dy;
  xy.take_digits(dxy);
  const bool is_short = dx.count <= few && of_y.count <= few && dxy.count <= few && n >> 32 == 0;
  const bool has_product = dx.count > 0 && of_y.count > 0;
  const unsigned product_at = dx.low + of_y.low, xy_at = dxy.low + 33;  // 1074 = 33 * 32 + 18
  const unsigned low = !has_product ? xy_at : dxy.count == 0 ? product_at : std::min(product_at, xy_at);
  const unsigned end = std::max(product_at + dx.count + of_y.count, xy_at + dxy.count + 2) + 1;
  if (!is_short || end - low > room) return centered_by_parts(n, x, y, xy);
  std::int64_t work[room] = {};
  const auto add = [&](unsigned at, std::uint64_t value, bool is_negative) {
    for (; value != 0; value >>= 32, ++at) {
      const auto digit = static_cast<std::int64_t>(static_cast<std::uint32_t>(value));
      work[at - low] += is_negative ? -digit : digit;
    }
  };
  for (unsigned i = 0; i < dxy.count; ++i) {
    const std::uint64_t part = dxy.digits[i] * n;
    add(xy_at + i, (part & 0xffffffff) << 18, dxy.negative);
    add(xy_at + i + 1, (part >> 32) << 18, dxy.negative);
  }
  for (unsigned i = 0; i < dx.count; ++i)
    for (unsigned j = 0; j < of_y.count; ++j)
      add(product_at + i + j, static_cast<std::uint64_t>(dx.digits[i]) * of_y.digits[j], dx.negative == of_y.negative);
  const unsigned count = end - low;
  const auto carry_all = [&] {
    for (unsigned i = 0; i + 1 < count; ++i) {
      work[i + 1] += work[i] >> 32;
      work[i] &= 0xffffffff;
    }
  };
  carry_all();
  const bool is_negative = work[count - 1] < 0;
  if (is_negative) {
    for (unsigned i = 0; i < count; ++i) work[i] = -work[i];
    carry_all();
  }
  std::uint32_t digits[room];
  unsigned used = 0;
  for (unsigned i = 0; i < count; ++i) {
    digits[i] = static_cast<std::uint32_t>(work[i]);
    if (digits[i] != 0) used = i + 1;
  }
  if (used == 0) return 0.0;
  const int exponent = 32 * static_cast<int>(low) - 2148;
  if (std::abs(exponent + 32 * static_cast<int>(used)) > farthest) return centered_by_parts(n, x, y, xy);
  return ExactSum::rounded(is_negative, digits, used, exponent) / static_cast<double>(n);
}

double centered_by_parts(std::uint64_t n, const ExactSum& x, const ExactSum& y, const ExactSum& xy) {
  const auto px = x.parts(), py = y.parts(), pxy = xy.parts();
  // Scaled by a power of two so that no product leaves the range; what underflows then is below 2^-900 of the result's
  // largest term.
  const int scale_x = px.empty() ? 0 : std::ilogb(px[0]), scale_y = py.empty() ? 0 : std::ilogb(py[0]);
  const int scale_xy = pxy.empty() ? scale_x + scale_y : std::ilogb(pxy[0]);
  const int half = std::max(scale_x + scale_y, scale_xy) / 2, other = std::max(scale_x + scale_y, scale_xy) - half;
  const int down_x = scale_x + (half + other - scale_x - scale_y) / 2, down_y = half + other - down_x;
  ExactSum sum;
  for (const double part : pxy) sum.add_product(std::ldexp(part, -(half + other)), static_cast<double>(n));
  for (const double a : px)
    for (const double b : py) sum.add_product(-std::ldexp(a, -down_x), std::ldexp(b, -down_y));
  return std::ldexp(sum.value() / static_cast<double>(n), half + other);
}

double mean_error(std::uint64_t n, const ExactSum& x, const ExactSum& squares) {
  if (n < 2) return -1;
  const double about_mean = centered(n, x, x, squares), count = static_cast<double>(n);
  return std::isfinite(about_mean) ? std::sqrt(std::max(0.0, about_mean) / (count - 1) / count) : -1;
}

}  // namespace tidewatch
