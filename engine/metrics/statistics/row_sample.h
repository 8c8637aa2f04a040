// Values of rows for what compares two windows of history: each different value with how many rows had it, and, once
// there are more of these than the limit, an even sample of the rows. Which rows a sample holds follows from the rows
// alone: a row's level is the number of zero bits its hash begins with, rows of the least levels go first. So a set of
// rows has one state, whatever order, batches, shards or restarts it came in, and merging is exact. Buckets by
// magnitude (as quantiles have) were turned down: prices around 4,500 all fall in one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "metrics/statistics/value_hash.h"
#include "records/batch.h"

namespace tidewatch {

// Of the whole row: rows that differ anywhere are sampled apart.
inline std::uint8_t row_level(const Batch& batch, std::uint32_t row) {
  std::uint64_t hash = 0x5bd1e995u;
  for (const Column& column : batch.columns) {
    const std::uint64_t one = column.null[row] ? 0x2545f491u : hash_of(column, row);
    hash = mix64(hash ^ (one + 0x9e3779b97f4a7c15ull + (hash << 6)));
  }
  return static_cast<std::uint8_t>(std::countl_zero(hash | 1));  // 0 to 63
}

// Key: double or std::string.
template <typename Key>
class RowSample {
 public:
  struct Entry {
    Key key;
    std::uint32_t count;
    std::uint8_t level;
  };

  // Different (value, level) pairs kept at most.
  explicit RowSample(std::size_t limit) : limit_(limit) {}
  void raise_limit(std::size_t limit) { limit_ = std::max(limit_, limit); }

  void add(const Key& key, std::uint8_t level) {
    if (level < level_) return;
    entries_.push_back({key, 1, level});
    settle_when_long();
  }
  void add_null(std::uint8_t level) {
    if (nulls_.size() <= level) nulls_.resize(level + 1u);
    ++nulls_[level];
  }
  void merge(const RowSample& from) {
    level_ = std::max(level_, from.level_);
    for (const Entry& each : from.entries_)
      if (each.level >= level_) entries_.push_back(each);
    nulls_.resize(std::max(nulls_.size(), from.nulls_.size()));
    for (std::size_t i = 0; i < from.nulls_.size(); ++i) nulls_[i] += from.nulls_[i];
    settle_when_long();
  }
  // The rows of a pane that was merged in leave again. False, and the sample of no more use, when rows were thinned:
  // which ones the others would have kept is not known any more.
  bool take_out(const RowSample& pane) {
    settle();
    pane.settle();
    if (level_ > 0 || pane.level_ > 0 || nulls_.size() < pane.nulls_.size()) return false;
    bool is_gone = false;
    auto at = entries_.begin();
    for (const Entry& one : pane.entries_) {
      at = std::lower_bound(at, entries_.end(), one, comes_before);
      if (at == entries_.end() || comes_before(one, *at) || at->count < one.count) return false;
      at->count -= one.count;
      is_gone = is_gone || at->count == 0;
    }
    if (is_gone) std::erase_if(entries_, [](const Entry& each) { return each.count == 0; });
    settled_ = entries_.size();
    for (std::size_t i = 0; i < pane.nulls_.size(); ++i) {
      if (nulls_[i] < pane.nulls_[i]) return false;
      nulls_[i] -= pane.nulls_[i];
    }
    while (!nulls_.empty() && nulls_.back() == 0) nulls_.pop_back();
    return true;
  }
  // By value, then level; each pair once.
  const std::vector<Entry>& entries() const {
    settle();
    return entries_;
  }
  std::uint64_t sampled() const {  // rows with a value
    std::uint64_t out = 0;
    for (const Entry& each : entries()) out += each.count;
    return out;
  }
  std::uint64_t sampled_nulls() const {  // of the same sample
    settle();
    std::uint64_t out = 0;
    for (std::size_t i = level_; i < nulls_.size(); ++i) out += nulls_[i];
    return out;
  }

  void write(ByteWriter& out) const {
    settle();
    out.put(static_cast<std::uint8_t>(level_));
    out.put(static_cast<std::uint64_t>(entries_.size()));
    for (const Entry& each : entries_) {
      write_key(out, each.key);
      out.put(each.count);
      out.put(each.level);
    }
    out.array(nulls_);
  }
  bool read(ByteReader& in) {
    level_ = in.get<std::uint8_t>();
    entries_.clear();
    for (std::size_t i = in.count(9); i > 0 && in.good(); --i) {
      Entry each{};
      read_key(in, each.key);
      each.count = in.get<std::uint32_t>();
      each.level = in.get<std::uint8_t>();
      if (each.level > 63 || each.level < level_) in.fail();
      entries_.push_back(std::move(each));
    }
    settled_ = 0;
    nulls_ = in.array<std::uint64_t>();
    if (nulls_.size() > 64) in.fail();
    return in.good();
  }
  std::size_t memory_bytes() const { return entries_.capacity() * sizeof(Entry) + nulls_.capacity() * 8; }

 private:
  static void write_key(ByteWriter& out, double key) { out.put(key); }
  static void write_key(ByteWriter& out, const std::string& key) { out.text(key); }
  static void read_key(ByteReader& in, double& key) {
    key = in.get<double>();
    if (!(key - key == 0)) in.fail();
  }
  static void read_key(ByteReader& in, std::string& key) { key = in.text(); }
  void settle_when_long() {
    if (entries_.size() - settled_ > std::max<std::size_t>(64, settled_)) settle();
  }
  static bool comes_before(const Entry& a, const Entry& b) {
    return a.key < b.key || (!(b.key < a.key) && a.level < b.level);
  }
  // Equal pairs become one; more than the limit are thinned by as many bits as it takes.
  void settle() const {
    if (settled_ == entries_.size()) return;
    if (level_ > 0) {
      std::erase_if(entries_, [this](const Entry& each) { return each.level < level_; });
      std::sort(entries_.begin(), entries_.end(), comes_before);
    } else {
      const auto fresh = entries_.begin() + static_cast<std::ptrdiff_t>(settled_);
      std::sort(fresh, entries_.end(), comes_before);
      std::inplace_merge(entries_.begin(), fresh, entries_.end(), comes_before);
    }
    std::size_t last = 0;
    for (std::size_t i = 1; i < entries_.size(); ++i) {
      Entry &into = entries_[last], &from = entries_[i];
      // A count that would not fit stands as two entries.
      if (into.level == from.level && into.key == from.key && UINT32_MAX - into.count >= from.count)
        into.count += from.count;
      else if (++last != i)
        entries_[last] = std::move(from);
    }
    if (!entries_.empty()) entries_.resize(last + 1);
    while (entries_.size() > limit_ && level_ < 63) {
      ++level_;
      std::erase_if(entries_, [this](const Entry& each) { return each.level < level_; });
    }
    settled_ = entries_.size();
  }

  std::size_t limit_;
  mutable std::vector<Entry> entries_;
  mutable std::size_t settled_ = 0;  // entries before it are sorted, each pair once
  mutable unsigned level_ = 0;
  std::vector<std::uint64_t> nulls_;  // rows with a null, by level; as long as the highest
};

}  // namespace tidewatch
