// A sorted multiset of numbers that takes one in, lets one go and says ranks, each in well under a microsecond among
// 100,000: sorted blocks of at most 512, found by their greatest value. For "N rows" windows, which change by one row a
// read. One sorted array was left out: half of it moves for each row; a tree of nodes waits for memory at every level.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace tidewatch {

class BlockedValues {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void add(double value);                  // not NaN
  void add_all(std::vector<double> more);  // cheaper than one by one when there are many
  bool remove(double value);               // one of it; false when there is none
  std::size_t count_below(double value) const;
  double at(std::size_t rank) const;  // 0 = least, rank < size()
  std::vector<double> in_order() const;

  void write(ByteWriter& out) const { out.array(in_order()); }
  bool read(ByteReader& in);  // false when damaged: not finite
  std::size_t heap_bytes() const;

 private:
  static constexpr std::size_t most = 512, few = 128, joined = 384;
  std::size_t block_of(double value) const;  // the first whose greatest is not below it
  void cut(std::size_t block);
  void join(std::size_t left);  // with the block after it
  void assign(const std::vector<double>& ascending);

  std::vector<std::vector<double>> blocks_;  // none is empty
  std::vector<double> greatest_;             // by block
  std::vector<std::uint32_t> sizes_;         // by block
  std::size_t size_ = 0;
};

}  // namespace tidewatch
