// The states of a pane side by side in one block of memory, taken from the ring's arena. With many label sets nearly
// every row opens a pane, and a heap object a state would cost more than adding the row does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "metrics/families/family.h"

namespace tidewatch {

// Memory for the blocks of one ring: all of one size, given again after use. It grows with the most panes that ever
// were there at once and shrinks with the ring.
class PaneArena {
 public:
  // A further state in every block; its offset. Before the first block. `owns_nothing`: it need not be destroyed.
  std::size_t add(std::size_t bytes, bool owns_nothing, std::size_t alignment = alignof(std::max_align_t)) {
    const auto rounded = [](std::size_t n, std::size_t to) { return (n + to - 1) / to * to; };
    const std::size_t offset = rounded(state_bytes_, alignment);
    if (!owns_nothing) offsets_.push_back(offset);
    state_bytes_ = offset + bytes;
    alignment_ = std::max(alignment_, alignment);
    block_bytes_ = rounded(state_bytes_, alignment_);
    return offset;
  }
  // A block without states: the caller makes one at each offset at once.
  std::byte* take() {
    if (free_.empty()) settle();
    if (free_.empty()) grow();
    std::byte* const block = free_.back();
    free_.pop_back();
    return block;
  }
  // The block's states are destroyed at the next settle(): many at once, because old panes are far from the processor
  // and waiting for one can go on while another is fetched.
  void give_back(std::byte* block) { leaving_.push_back(block); }
  void settle() {
    for (std::size_t i = 0; i < leaving_.size(); ++i) {
      if (i + ahead < leaving_.size())
        for (const std::size_t offset : offsets_) __builtin_prefetch(leaving_[i + ahead] + offset);
      for (const std::size_t offset : offsets_) reinterpret_cast<FamilyState*>(leaving_[i] + offset)->~FamilyState();
    }
    free_.insert(free_.end(), leaving_.begin(), leaving_.end());
    leaving_.clear();
  }
  PaneArena() = default;
  PaneArena(const PaneArena&) = delete;
  PaneArena& operator=(const PaneArena&) = delete;
  ~PaneArena() { settle(); }
  std::size_t block_bytes() const { return block_bytes_; }

 private:
  static constexpr std::size_t first_blocks = 4, most_bytes = 256 << 10, ahead = 4;
  void grow() {
    const std::size_t size = std::max(block_bytes_, alignment_);
    chunks_.push_back(std::make_unique<std::byte[]>(size * next_blocks_));
    for (std::size_t i = next_blocks_; i-- > 0;) free_.push_back(chunks_.back().get() + i * size);
    if (next_blocks_ * 2 * size <= most_bytes) next_blocks_ *= 2;
  }

  std::vector<std::size_t> offsets_;  // of states that own memory
  std::size_t state_bytes_ = 0, block_bytes_ = 0, alignment_ = alignof(std::uint64_t), next_blocks_ = first_blocks;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::vector<std::byte*> free_, leaving_;
};

// Owns one block: a pointer and the way home.
class PaneBlock {
 public:
  PaneBlock() = default;
  PaneBlock(PaneArena& arena, std::byte* block) : block_(block), arena_(&arena) {}
  PaneBlock(PaneBlock&& from) noexcept : block_(std::exchange(from.block_, nullptr)), arena_(from.arena_) {}
  PaneBlock& operator=(PaneBlock&& from) noexcept {
    std::swap(block_, from.block_);
    std::swap(arena_, from.arena_);
    return *this;
  }
  ~PaneBlock() {
    if (block_) arena_->give_back(block_);
  }
  std::byte* get() const { return block_; }
  explicit operator bool() const { return block_ != nullptr; }
  FamilyState& state(std::size_t offset) const { return *reinterpret_cast<FamilyState*>(block_ + offset); }

 private:
  std::byte* block_ = nullptr;
  PaneArena* arena_ = nullptr;
};

}  // namespace tidewatch
