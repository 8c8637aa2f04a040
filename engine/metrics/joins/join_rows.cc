// See join_rows.h. Numbers are written most significant byte first with the sign turned round, texts with a zero byte
// escaped and closed by two: the usual order-preserving codes of key-value stores.
#include "metrics/joins/join_rows.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <new>

namespace tidewatch {
namespace {

constexpr std::uint64_t sign = 1ull << 63;

void put_big_endian(std::uint64_t v, std::string& out) {
  char bytes[8];
  for (int i = 7; i >= 0; --i, v >>= 8) bytes[i] = static_cast<char>(v & 0xff);
  out.append(bytes, sizeof bytes);
}

void put_value(const Column& column, std::size_t row, std::string& out) {
  if (column.null[row]) {
    out.push_back('\0');
    return;
  }
  out.push_back('\1');
  if (column.is_text()) {
    for (const char c : column.text(row)) {
      out.push_back(c);
      if (c == '\0') out.push_back('\xff');
    }
    out.append(2, '\0');
  } else if (column.type == ColumnType::number) {
    const auto bits = std::bit_cast<std::uint64_t>(column.numbers[row]);
    put_big_endian(bits & sign ? ~bits : bits ^ sign, out);
  } else {
    put_big_endian(static_cast<std::uint64_t>(column.integers[row]) ^ sign, out);
  }
}

void append_null(Column& column) {
  column.null.push_back(1);
  if (column.is_text())
    column.codes.push_back(column.dictionary.add({}));
  else if (column.type == ColumnType::number)
    column.numbers.push_back(0);
  else
    column.integers.push_back(0);
}

}  // namespace

void encode_row(const Batch& batch, std::size_t row, std::string& out) {
  for (const Column& column : batch.columns) put_value(column, row, out);
}

bool encode_key(const Batch& batch, std::size_t row, std::span<const std::size_t> columns, std::string& out) {
  for (const std::size_t c : columns) {
    const Column& column = batch.columns[c];
    if (column.null[row]) return false;
    if (column.type == ColumnType::number) {
      const double v = column.numbers[row];
      if (std::isnan(v)) return false;
      if (v == 0) {
        out.push_back('\1');
        put_big_endian(sign, out);
        continue;
      }
    }
    put_value(column, row, out);
  }
  return true;
}

bool decode_row(std::string_view bytes, Batch& into, std::size_t first, std::size_t count) {
  std::size_t at = 0;
  std::string text;
  for (std::size_t c = first; c < first + count; ++c) {
    Column& column = into.columns[c];
    if (at >= bytes.size()) return false;
    if (bytes[at++] == '\0') {
      append_null(column);
      continue;
    }
    column.null.push_back(0);
    if (column.is_text()) {
      text.clear();
      for (;; ++at) {
        if (at + 1 >= bytes.size()) return false;
        if (bytes[at] != '\0') {
          text.push_back(bytes[at]);
        } else if (bytes[at + 1] == '\0') {
          break;
        } else {
          text.push_back('\0');
          ++at;
        }
      }
      at += 2;
      // Runs of one category share a dictionary entry.
      const std::size_t before = column.codes.size();
      if (before > 0 && !column.null[before - 1] && column.text(before - 1) == text)
        column.codes.push_back(column.codes.back());
      else
        column.codes.push_back(column.dictionary.add(text));
      continue;
    }
    if (bytes.size() - at < 8) return false;
    std::uint64_t v = 0;
    for (int i = 0; i < 8; ++i) v = v << 8 | static_cast<unsigned char>(bytes[at++]);
    if (column.type == ColumnType::number)
      column.numbers.push_back(std::bit_cast<double>(v & sign ? v ^ sign : ~v));
    else
      column.integers.push_back(static_cast<std::int64_t>(v ^ sign));
  }
  return at == bytes.size();
}

void append_nulls(Batch& into, std::size_t first, std::size_t count) {
  for (std::size_t c = first; c < first + count; ++c) append_null(into.columns[c]);
}

std::size_t JoinRows::size() const {
  std::size_t n = 0;
  for (const JoinRow* row = first_; row; row = row->next()) ++n;
  return n;
}

const JoinRow* JoinRows::insert(std::int64_t time, std::string_view bytes) {
  JoinRow** place = &first_;
  while (*place && (*place)->before(time, bytes)) place = &(*place)->next_;
  if (*place && (*place)->time_ == time && (*place)->bytes() == bytes) return nullptr;
  void* const memory = ::operator new(sizeof(JoinRow) + bytes.size());
  auto* const row = new (memory) JoinRow;
  row->time_ = time;
  row->size_ = static_cast<std::uint32_t>(bytes.size());
  if (!bytes.empty()) std::memcpy(reinterpret_cast<char*>(row + 1), bytes.data(), bytes.size());
  row->next_ = *place;
  *place = row;
  return row;
}

bool JoinRows::contains(std::int64_t time, std::string_view bytes) const {
  for (const JoinRow* row = first_; row; row = row->next())
    if (row->time() == time && row->bytes() == bytes) return true;
  return false;
}

void JoinRows::erase(const JoinRow* gone) {
  JoinRow** place = &first_;
  while (*place != gone) place = &(*place)->next_;
  JoinRow* const row = *place;
  *place = row->next_;
  row->~JoinRow();
  ::operator delete(row);
}

void JoinRows::write(ByteWriter& out) const {
  out.put(static_cast<std::uint64_t>(size()));
  for (const JoinRow* row = first_; row; row = row->next()) {
    out.put(row->time());
    out.text(row->bytes());
  }
}

bool JoinRows::read(ByteReader& in) {
  for (std::size_t i = in.count(12); i > 0 && in.good(); --i) {
    const auto time = in.nanoseconds();
    insert(time, in.text());
  }
  return in.good();
}

}  // namespace tidewatch
