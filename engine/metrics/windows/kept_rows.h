// What a baseline remembers of its rows. The digest names them: whoever has the same rows, in any order and however
// packed, has the same SHA-256. KeptRows holds them while a pinned span passes, in bounded memory: all of them up to
// 100,000, then an even sample. Which rows a sample holds follows from the rows alone (those whose own digest begins
// with enough zero bits), never from their order, so live, replay and backtest compare with the same ones. Quantiles
// of each column were turned down: a `where` or a model metric written later could not be read from them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "metrics/windows/row_store.h"
#include "records/batch.h"

namespace tidewatch {

// SHA-256 of one row: its first `columns` columns, each with its type; nulls told from values.
std::array<std::uint8_t, 32> row_digest(const Batch& batch, std::uint32_t row, std::size_t columns);

// The digests of all rows, added as numbers modulo 2^256: a sum does not know an order.
class RowDigest {
 public:
  void add(const std::array<std::uint8_t, 32>& row);
  std::uint64_t rows() const { return rows_; }
  std::string text() const;  // SHA-256 of the count and the sum, lower-case hex
  void write(ByteWriter& out) const;
  bool read(ByteReader& in);

 private:
  std::array<std::uint64_t, 4> sum_{};  // lowest first
  std::uint64_t rows_ = 0;
};

class KeptRows {
 public:
  static constexpr std::size_t most = 100'000;
  // `columns`: how many of a batch's columns make a row's digest (the declared ones; derived ones follow from them).
  explicit KeptRows(std::size_t columns, std::size_t limit = most) : columns_(columns), limit_(limit) {}

  void add(const Batch& batch, std::uint32_t row, const std::array<std::uint8_t, 32>& digest);
  std::uint64_t total() const { return total_; }  // rows added
  std::size_t kept() const { return kept_; }      // at most the limit
  bool is_sample() const { return kept_ < total_; }
  const Batch& rows() { return rows_.rows(); }          // by time, then by value
  bool holds_rows() const { return rows_.size() > 0; }  // not taken
  Batch take();                                         // the rows; what is left only knows their counts
  // Rows taken from another that had been given `total` of them.
  void put_back(std::size_t kept, std::uint64_t total);
  std::size_t memory_bytes() const { return rows_.memory_bytes(); }
  void write(ByteWriter& out);
  bool read(ByteReader& in);

 private:
  bool passes(const std::array<std::uint8_t, 32>& digest) const;
  std::size_t columns_, limit_;
  RowStore rows_;
  std::uint64_t total_ = 0;
  std::size_t kept_ = 0;
  std::uint32_t level_ = 0;  // leading zero bits a kept row's digest has at least
};

}  // namespace tidewatch
