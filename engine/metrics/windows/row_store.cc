// Row order and copies: see row_store.h. A store is sorted when read, not when filled: rows mostly arrive in order,
// and then nothing is ever sorted.
#include "metrics/windows/row_store.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

namespace tidewatch {
namespace {

template <typename T>
int three_way(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int compare_values(const Column& x, std::uint32_t a, const Column& y, std::uint32_t b) {
  if (x.null[a] || y.null[b]) return three_way(y.null[b], x.null[a]);  // nulls first
  if (x.is_text()) {
    const int c = x.text(a).compare(y.text(b));
    return c < 0 ? -1 : (c > 0 ? 1 : 0);
  }
  if (x.type != ColumnType::number) return three_way(x.integers[a], y.integers[b]);
  // NaN after every number, whatever its sign bit says of the others; bits order NaNs and the two zeros.
  if (const int c = three_way(std::isnan(x.numbers[a]), std::isnan(y.numbers[b]))) return c;
  if (x.numbers[a] < y.numbers[b]) return -1;
  if (y.numbers[b] < x.numbers[a]) return 1;
  return three_way(std::bit_cast<std::uint64_t>(x.numbers[a]), std::bit_cast<std::uint64_t>(y.numbers[b]));
}

int compare_rows(const Batch& x, std::uint32_t a, const Batch& y, std::uint32_t b, std::optional<std::size_t> key) {
  if (const int c = three_way(x.time(a), y.time(b))) return c;
  if (key)
    if (const int c = compare_values(x.columns[*key], a, y.columns[*key], b)) return c;
  for (std::size_t i = 0; i < x.columns.size(); ++i)
    if (const int c = compare_values(x.columns[i], a, y.columns[i], b)) return c;
  return 0;
}

}  // namespace

void append_row(Batch& into, const Batch& from, std::uint32_t row) {
  if (into.columns.empty()) {
    into.columns.resize(from.columns.size());
    for (std::size_t i = 0; i < from.columns.size(); ++i) into.columns[i].type = from.columns[i].type;
    into.time_column = from.time_column;
  }
  for (std::size_t i = 0; i < from.columns.size(); ++i) {
    const Column& source = from.columns[i];
    Column& target = into.columns[i];
    target.null.push_back(source.null[row]);
    if (source.type == ColumnType::number) {
      target.numbers.push_back(source.numbers[row]);
    } else if (source.is_text()) {
      // A null row's code means nothing: a picked batch may have no text for it.
      const std::size_t before = target.codes.size();
      const bool same =
          before && !target.null[before - 1] && !source.null[row] && target.text(before - 1) == source.text(row);
      if (same)
        target.codes.push_back(target.codes.back());
      else
        target.codes.push_back(target.dictionary.add(source.null[row] ? std::string_view() : source.text(row)));
    } else {
      target.integers.push_back(source.integers[row]);
    }
  }
  ++into.rows;
}

void RowStore::add(const Batch& batch, std::uint32_t row) {
  append_row(rows_, batch, row);
  if (rows_.rows > 1 && is_sorted_) {
    const auto last = static_cast<std::uint32_t>(rows_.rows - 1);
    is_sorted_ = compare_rows(rows_, last - 1, rows_, last, key_column_) <= 0;
  }
}

const Batch& RowStore::rows() {
  if (!is_sorted_) {
    std::vector<std::uint32_t> order(rows_.rows);
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return compare_rows(rows_, a, rows_, b, key_column_) < 0; });
    rows_ = rows_.pick(order);
    is_sorted_ = true;
  }
  return rows_;
}

bool RowStore::remove(const Batch& batch, std::uint32_t row) {
  rows();  // in order from here
  std::size_t low = 0, high = rows_.rows;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (compare_rows(rows_, static_cast<std::uint32_t>(middle), batch, row, key_column_) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == rows_.rows || compare_rows(rows_, static_cast<std::uint32_t>(low), batch, row, key_column_) != 0)
    return false;
  for (Column& column : rows_.columns) {
    const auto cut = [&](auto& values) {
      if (!values.empty()) values.erase(values.begin() + static_cast<std::ptrdiff_t>(low));
    };
    cut(column.null);
    cut(column.numbers);
    cut(column.integers);
    cut(column.codes);
  }
  --rows_.rows;
  return true;
}

void RowStore::drop_first(std::size_t count) {
  if (count == 0) return;
  std::vector<std::uint32_t> order(rows().rows - std::min(count, rows_.rows));
  std::iota(order.begin(), order.end(), static_cast<std::uint32_t>(count));
  dropped_ += rows_.rows - order.size();
  rows_ = rows_.pick(order);
}

std::size_t RowStore::memory_bytes() const {
  std::size_t bytes = sizeof *this;
  for (const Column& c : rows_.columns)
    bytes +=
        sizeof c + c.null.capacity() + c.numbers.capacity() * 8 + c.integers.capacity() * 8 + c.codes.capacity() * 24;
  return bytes;
}

void RowStore::write(ByteWriter& out) { rows().write(out); }

bool RowStore::read(ByteReader& in) {
  auto batch = Batch::read(in);
  if (!batch) return false;
  rows_ = std::move(*batch);
  is_sorted_ = true;
  return in.good();
}

}  // namespace tidewatch
