// Hashes of values, and the set of them that distinct and duplicates count with. A value's hash depends on the value
// alone (never on a dictionary's codes, the batch or the machine), so two shards meet in the same place. 64 bits: among
// a million values two share one with a chance of 3 in 100 million.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "records/batch.h"

namespace tidewatch {

// The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): every bit of the input reaches every bit.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}
inline std::uint64_t hash_of(std::string_view text) { return mix64(fnv1a64(text)); }
// A value that is not null; a number must be usable. -0 is 0.
inline std::uint64_t hash_of(const Column& column, std::size_t row) {
  if (column.is_text()) return hash_of(column.text(row));
  if (column.type == ColumnType::number)
    return mix64(std::bit_cast<std::uint64_t>(column.numbers[row] + 0.0) + 0x9e3779b97f4a7c15ull);
  return mix64(static_cast<std::uint64_t>(column.integers[row]) + 0x9e3779b97f4a7c15ull);
}

// A set of hashes; open addressing, at most half full. 0 stands for an empty slot, so hash 0 is kept as 1.
class HashSet {
 public:
  std::size_t size() const { return size_; }
  bool insert(std::uint64_t hash) {
    hash += hash == 0;
    if (size_ * 2 >= slots_.size()) grow();
    if (!put(hash)) return false;
    ++size_;
    return true;
  }
  template <typename Visit>
  void each(Visit visit) const {
    for (const std::uint64_t hash : slots_)
      if (hash) visit(hash);
  }
  std::vector<std::uint64_t> sorted() const {
    std::vector<std::uint64_t> out;
    out.reserve(size_);
    each([&](std::uint64_t hash) { out.push_back(hash); });
    std::sort(out.begin(), out.end());
    return out;
  }
  void clear() {
    slots_ = std::vector<std::uint64_t>();  // `= {}` would keep the memory
    size_ = 0;
  }
  std::size_t memory_bytes() const { return slots_.capacity() * 8; }

 private:
  bool put(std::uint64_t hash) {
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at]) {
      if (slots_[at] == hash) return false;
      at = (at + 1) & (slots_.size() - 1);
    }
    slots_[at] = hash;
    return true;
  }
  void grow() {
    std::vector<std::uint64_t> old(std::max<std::size_t>(16, slots_.size() * 2));
    old.swap(slots_);
    for (const std::uint64_t hash : old)
      if (hash) put(hash);
  }
  std::vector<std::uint64_t> slots_;
  std::size_t size_ = 0;
};

}  // namespace tidewatch
