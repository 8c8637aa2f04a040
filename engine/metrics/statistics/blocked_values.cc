// Blocks that are cut when full and joined with a neighbour when nearly empty: see blocked_values.h. Without the
// joining a window over a rising series would leave a trail of blocks that hold one value each.
#include "metrics/statistics/blocked_values.h"

#include <algorithm>
#include <cmath>

namespace tidewatch {

std::size_t BlockedValues::block_of(double value) const {
  return static_cast<std::size_t>(std::lower_bound(greatest_.begin(), greatest_.end(), value) - greatest_.begin());
}

void BlockedValues::add(double value) {
  if (blocks_.empty()) {
    blocks_.emplace_back().push_back(value);
    greatest_.push_back(value);
    sizes_.push_back(1);
    size_ = 1;
    return;
  }
  const std::size_t b = std::min(block_of(value), blocks_.size() - 1);
  std::vector<double>& block = blocks_[b];
  block.insert(std::upper_bound(block.begin(), block.end(), value), value);
  greatest_[b] = block.back();
  ++sizes_[b];
  ++size_;
  if (block.size() > most) cut(b);
}

bool BlockedValues::remove(double value) {
  const std::size_t b = block_of(value);
  if (b == blocks_.size()) return false;
  std::vector<double>& block = blocks_[b];
  const auto place = std::lower_bound(block.begin(), block.end(), value);
  if (*place != value) return false;
  block.erase(place);
  --sizes_[b];
  --size_;
  if (block.empty()) {
    const auto at = static_cast<std::ptrdiff_t>(b);
    blocks_.erase(blocks_.begin() + at);
    greatest_.erase(greatest_.begin() + at);
    sizes_.erase(sizes_.begin() + at);
    return true;
  }
  greatest_[b] = block.back();
  if (block.size() >= few) return true;
  if (b + 1 < blocks_.size() && block.size() + sizes_[b + 1] <= joined)
    join(b);
  else if (b > 0 && block.size() + sizes_[b - 1] <= joined)
    join(b - 1);
  return true;
}

void BlockedValues::cut(std::size_t b) {
  const auto half = static_cast<std::ptrdiff_t>(blocks_[b].size() / 2), next = static_cast<std::ptrdiff_t>(b + 1);
  std::vector<double> upper(blocks_[b].begin() + half, blocks_[b].end());
  blocks_[b].resize(static_cast<std::size_t>(half));
  greatest_.insert(greatest_.begin() + next, upper.back());
  sizes_.insert(sizes_.begin() + next, static_cast<std::uint32_t>(upper.size()));
  blocks_.insert(blocks_.begin() + next, std::move(upper));
  greatest_[b] = blocks_[b].back();
  sizes_[b] = static_cast<std::uint32_t>(half);
}

void BlockedValues::join(std::size_t left) {
  const auto next = static_cast<std::ptrdiff_t>(left + 1);
  blocks_[left].insert(blocks_[left].end(), blocks_[left + 1].begin(), blocks_[left + 1].end());
  greatest_[left] = greatest_[left + 1];
  sizes_[left] += sizes_[left + 1];
  blocks_.erase(blocks_.begin() + next);
  greatest_.erase(greatest_.begin() + next);
  sizes_.erase(sizes_.begin() + next);
}

void BlockedValues::add_all(std::vector<double> more) {
  if (more.size() < 64 || more.size() * 16 < size_) {
    for (const double value : more) add(value);
    return;
  }
  const std::vector<double> before = in_order();
  more.insert(more.end(), before.begin(), before.end());
  std::sort(more.begin(), more.end());
  assign(more);
}

void BlockedValues::assign(const std::vector<double>& ascending) {
  blocks_.clear();
  greatest_.clear();
  sizes_.clear();
  size_ = ascending.size();
  for (std::size_t from = 0; from < size_; from += joined) {
    const std::size_t to = std::min(size_, from + joined);
    blocks_.emplace_back(ascending.begin() + static_cast<std::ptrdiff_t>(from),
                         ascending.begin() + static_cast<std::ptrdiff_t>(to));
    greatest_.push_back(ascending[to - 1]);
    sizes_.push_back(static_cast<std::uint32_t>(to - from));
  }
}

std::size_t BlockedValues::count_below(double value) const {
  const std::size_t b = block_of(value);
  std::size_t count = 0;
  for (std::size_t i = 0; i < b; ++i) count += sizes_[i];
  if (b == blocks_.size()) return count;
  const std::vector<double>& block = blocks_[b];
  return count + static_cast<std::size_t>(std::lower_bound(block.begin(), block.end(), value) - block.begin());
}

double BlockedValues::at(std::size_t rank) const {
  std::size_t b = 0;
  while (rank >= sizes_[b]) rank -= sizes_[b++];
  return blocks_[b][rank];
}

std::vector<double> BlockedValues::in_order() const {
  std::vector<double> out;
  out.reserve(size_);
  for (const std::vector<double>& block : blocks_) out.insert(out.end(), block.begin(), block.end());
  return out;
}

bool BlockedValues::read(ByteReader& in) {
  std::vector<double> kept = in.array<double>();
  for (const double value : kept)
    if (!std::isfinite(value)) in.fail();
  if (!in.good()) return false;
  std::sort(kept.begin(), kept.end());
  assign(kept);
  return true;
}

std::size_t BlockedValues::heap_bytes() const {
  std::size_t bytes = greatest_.capacity() * sizeof(double) + sizes_.capacity() * sizeof(std::uint32_t) +
                      blocks_.capacity() * sizeof(std::vector<double>);
  for (const std::vector<double>& block : blocks_) bytes += block.capacity() * sizeof(double);
  return bytes;
}

}  // namespace tidewatch
