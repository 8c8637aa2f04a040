// Rows as one side of a label join keeps them while they may still change: packed bytes, in a list by (time, bytes).
// The encoding keeps order, so comparing bytes compares the values column by column, nulls first, and "greatest (t,
// bytes) wins" means what a person would expect. A batch a row was tried first and cost four times the memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "records/batch.h"

namespace tidewatch {

// Appends the row's values, columns in order; decodes to the same bits.
void encode_row(const Batch& batch, std::size_t row, std::string& out);
// Appends the values of `columns`; false when one is null or NaN. -0 and 0 are one key.
bool encode_key(const Batch& batch, std::size_t row, std::span<const std::size_t> columns, std::string& out);
// Appends one encoded row to the columns [first, first + count) of `into`, whose types are set.
bool decode_row(std::string_view bytes, Batch& into, std::size_t first, std::size_t count);
// Appends a null to the same columns.
void append_nulls(Batch& into, std::size_t first, std::size_t count);

class JoinRow {
 public:
  std::int64_t time() const { return time_; }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(this + 1), size_}; }
  const JoinRow* next() const { return next_; }
  // (time, bytes) before that of `other`.
  bool before(std::int64_t time, std::string_view bytes) const {
    return time_ != time ? time_ < time : this->bytes() < bytes;
  }

 private:
  friend class JoinRows;
  JoinRow* next_ = nullptr;
  std::int64_t time_ = 0;
  std::uint32_t size_ = 0;
};

// Ordered, without equals; nearly always of one row.
class JoinRows {
 public:
  JoinRows() = default;
  JoinRows(JoinRows&& from) noexcept : first_(std::exchange(from.first_, nullptr)) {}
  JoinRows& operator=(JoinRows&& from) noexcept {
    std::swap(first_, from.first_);
    return *this;
  }
  ~JoinRows() {
    while (first_) erase(first_);
  }

  const JoinRow* first() const { return first_; }
  bool empty() const { return first_ == nullptr; }
  std::size_t size() const;
  // nullptr when an equal row is there.
  const JoinRow* insert(std::int64_t time, std::string_view bytes);
  bool contains(std::int64_t time, std::string_view bytes) const;
  // Frees the row, which is of this list.
  void erase(const JoinRow* row);
  // What malloc and the row itself take; for memory_bytes().
  static std::size_t memory_of(std::string_view bytes) { return sizeof(JoinRow) + 16 + bytes.size(); }

  void write(ByteWriter& out) const;
  bool read(ByteReader& in);

 private:
  JoinRow* first_ = nullptr;
};

}  // namespace tidewatch
