// Digests and samples of rows: see kept_rows.h. A sample is thinned by one more bit when it grows past the limit, which
// halves it; the digests of what is left are computed anew then, so rows cost no memory beside themselves.
#include "metrics/windows/kept_rows.h"

#include <bit>
#include <cmath>

#include "base/text.h"

namespace tidewatch {
namespace {

void put_number(std::string& out, std::uint64_t bits) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(bits >> (8 * i) & 0xff);
}

std::uint64_t word(const std::array<std::uint8_t, 32>& bytes, std::size_t at) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out |= static_cast<std::uint64_t>(bytes[at * 8 + i]) << (8 * i);
  return out;
}

}  // namespace

std::array<std::uint8_t, 32> row_digest(const Batch& batch, std::uint32_t row, std::size_t columns) {
  std::string bytes;
  for (std::size_t i = 0; i < columns && i < batch.columns.size(); ++i) {
    const Column& column = batch.columns[i];
    if (column.null[row]) {
      bytes += '-';
    } else if (column.is_text()) {
      const std::string_view text = column.text(row);
      bytes += 't';
      put_number(bytes, text.size());
      bytes += text;
    } else if (column.type == ColumnType::number) {
      const double value = column.numbers[row];
      bytes += 'd';  // every NaN is one, and so are both zeros
      put_number(bytes, std::isnan(value) ? 0x7ff8000000000000u : std::bit_cast<std::uint64_t>(value + 0.0));
    } else {
      bytes += 'i';
      put_number(bytes, static_cast<std::uint64_t>(column.integers[row]));
    }
  }
  return sha256(bytes);
}

void RowDigest::add(const std::array<std::uint8_t, 32>& row) {
  unsigned char carry = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::uint64_t with = sum_[i] + word(row, i);
    const std::uint64_t all = with + carry;
    carry = static_cast<unsigned char>((with < sum_[i]) + (all < with));
    sum_[i] = all;
  }
  ++rows_;
}

std::string RowDigest::text() const {
  std::string bytes;
  put_number(bytes, rows_);
  for (const std::uint64_t part : sum_) put_number(bytes, part);
  return sha256_hex(bytes);
}

void RowDigest::write(ByteWriter& out) const {
  out.put(rows_);
  for (const std::uint64_t part : sum_) out.put(part);
}

bool RowDigest::read(ByteReader& in) {
  rows_ = in.get<std::uint64_t>();
  for (std::uint64_t& part : sum_) part = in.get<std::uint64_t>();
  return in.good();
}

bool KeptRows::passes(const std::array<std::uint8_t, 32>& digest) const {
  return level_ == 0 || word(digest, 3) >> (64 - level_) == 0;
}

void KeptRows::add(const Batch& batch, std::uint32_t row, const std::array<std::uint8_t, 32>& digest) {
  ++total_;
  if (!passes(digest)) return;
  rows_.add(batch, row);
  while (rows_.size() > limit_) {
    ++level_;
    RowStore fewer;
    const Batch& all = rows_.rows();
    for (std::uint32_t i = 0; i < all.rows; ++i)
      if (passes(row_digest(all, i, columns_))) fewer.add(all, i);
    if (fewer.size() == 0) {  // rows that are the same in everything, time included, pass or fail together
      --level_;
      rows_.drop_first(rows_.size() - limit_);
      break;
    }
    rows_ = std::move(fewer);
  }
  kept_ = rows_.size();
}

Batch KeptRows::take() {
  Batch out = rows_.rows();
  rows_ = RowStore();
  return out;
}

void KeptRows::put_back(std::size_t kept, std::uint64_t total) {
  kept_ = kept;
  total_ = total;
}

void KeptRows::write(ByteWriter& out) {
  out.put(total_);
  out.put(static_cast<std::uint64_t>(kept_));
  out.put(level_);
  out.put(static_cast<std::uint8_t>(rows_.size() > 0));
  if (rows_.size() > 0) rows_.write(out);
}

bool KeptRows::read(ByteReader& in) {
  total_ = in.get<std::uint64_t>();
  kept_ = static_cast<std::size_t>(in.get<std::uint64_t>());
  level_ = in.get<std::uint32_t>();
  if (level_ > 63 || kept_ > total_) in.fail();
  rows_ = RowStore();
  if (in.get<std::uint8_t>() != 0 && !rows_.read(in)) return false;
  return in.good();
}

}  // namespace tidewatch
