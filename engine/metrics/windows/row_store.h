// Rows kept whole, for what depends on their order: "252 rows" windows and sequential families. The order is (event
// time, key, every value), never arrival, so two runs that got the same rows differently agree in every bit. Rows
// equal in all of that are interchangeable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "records/batch.h"

namespace tidewatch {

class RowStore {
 public:
  // `key_column` breaks ties of time before the other columns do.
  explicit RowStore(std::optional<std::size_t> key_column = std::nullopt) : key_column_(key_column) {}

  void add(const Batch& batch, std::uint32_t row);
  // The rows in order. Sorting happens here, once after a disorderly add. Borrowed until the next add.
  const Batch& rows();
  std::size_t size() const { return rows_.rows; }
  bool is_in_order() const { return is_sorted_; }     // nothing waits to be sorted
  std::uint64_t dropped() const { return dropped_; }  // by drop_first, ever: rows()'s first row has this place
  // Takes out one row that equals this one in every value; false when there is none.
  bool remove(const Batch& batch, std::uint32_t row);
  void drop_first(std::size_t count);  // in order; rows() is called by it
  std::size_t memory_bytes() const;

  void write(ByteWriter& out);
  bool read(ByteReader& in);

 private:
  Batch rows_;
  std::optional<std::size_t> key_column_;
  bool is_sorted_ = true;
  std::uint64_t dropped_ = 0;
};

// Copies one row to the end of `into`, which has the same columns (or none yet).
void append_row(Batch& into, const Batch& from, std::uint32_t row);

}  // namespace tidewatch
