// Counts of doubles in buckets with a relative width of 1/64: the bucket is the exponent and six mantissa bits, so no
// logarithm is taken and buckets of two sketches always line up. KLL, REQ and t-digest were left out: random, order-
// dependent or unbounded. More than 2,048 filled buckets drop one bit, so the level depends on the set of values alone.
// Buckets near one another, as those of most columns are, stand in one row of counts, which is added to another in a
// pass and is in order; what is wider than sixteen binades, of both signs or coarser is a table of slots. The form
// shows nowhere.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace tidewatch {

class BucketSketch {
 public:
  // A finite value, `count` times. No allocation while its bucket stands; growth is amortised.
  void add(double value, std::uint64_t count = 1) {
    total_ += count;
    if (value == 0) {
      zeros_ += count;
      return;
    }
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const auto magnitude = static_cast<std::uint32_t>((bits & ~(1ull << 63)) >> 46);
    put(static_cast<std::uint32_t>(bits >> 63) << 17 | magnitude >> level_, count);
  }
  void merge(const BucketSketch& from);

  std::uint64_t total() const { return total_; }
  bool empty() const { return total_ == 0; }
  // The value standing for the bucket that holds rank r (0 = least, r < total): within relative_bound() of the truth.
  double at_rank(std::uint64_t rank) const;
  std::vector<double> at_ranks(std::span<const std::uint64_t> ranks) const;  // the same for several
  double relative_bound() const;                                             // 0.00775 at level 0, 0.0154 at 1 ...

  void write(ByteWriter& out) const;  // canonical: buckets in ascending key
  bool read(ByteReader& in);
  std::size_t memory_bytes() const { return slots_.capacity() * 8 + row_.capacity() * 4; }

 private:
  static constexpr std::size_t most_filled = 2048;
  static constexpr int count_bits = 46;
  static constexpr std::uint32_t binade = 64, most_row = 16 * binade;
  // total_ has been raised by `count` before.
  void put(std::uint32_t key, std::uint64_t count) {
    const std::uint32_t place = key - first_;
    if (place < row_.size() && total_ <= UINT32_MAX) [[likely]]
      row_[place] += static_cast<std::uint32_t>(count);
    else
      put_elsewhere(key, count);
  }
  void put_elsewhere(std::uint32_t key, std::uint64_t count);
  // Widens the row to hold keys [from, to), whole binades, of one sign; false when it would be too wide.
  bool widen(std::uint32_t from, std::uint32_t to);
  void leave_row();
  // A slot is key << 46 | count; 0 is empty. Open addressing, a power of two, at most two thirds full.
  void put_in_slots(std::uint32_t key, std::uint64_t count) {
    if (slots_.empty()) slots_.resize(64);
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = (key * 0x9e3779b1u >> 12) & mask;
    while (slots_[at] && slots_[at] >> count_bits != key) at = (at + 1) & mask;
    if (slots_[at]) {
      slots_[at] += count;
      return;
    }
    slots_[at] = static_cast<std::uint64_t>(key) << count_bits | count;
    if (++filled_ * 3 > slots_.size() * 2) grow();
    while (filled_ > most_filled) raise(level_ + 1);
  }
  void grow();
  void raise(std::uint8_t level);
  std::vector<std::pair<std::uint32_t, std::uint64_t>> sorted() const;  // by key

  // Either, both empty at first: counts of keys from first_ on, at level 0 while total_ fits one of them; or slots.
  std::vector<std::uint32_t> row_;
  std::uint32_t first_ = 0;
  std::vector<std::uint64_t> slots_;
  std::size_t filled_ = 0;  // slots
  std::uint64_t total_ = 0, zeros_ = 0;
  std::uint8_t level_ = 0;
};

}  // namespace tidewatch
