// Rows of a sequential family: kept with their event times and put in order at read, by (time, bits of the values), so
// that neither arrival nor the split into batches shows. Folding a pane into a summary was left out: a late row could
// then no longer take its place.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "metrics/families/family.h"
#include "metrics/families/tally.h"

namespace tidewatch {

struct OrderedRow {
  std::int64_t time_ns = 0;
  double first = 0, second = 0;
  auto rank() const {
    return std::tuple(time_ns, std::bit_cast<std::uint64_t>(first), std::bit_cast<std::uint64_t>(second));
  }
};

inline std::vector<OrderedRow> in_order(std::vector<OrderedRow> rows) {
  const auto earlier = [](const OrderedRow& a, const OrderedRow& b) { return a.rank() < b.rank(); };
  if (!std::is_sorted(rows.begin(), rows.end(), earlier)) std::sort(rows.begin(), rows.end(), earlier);
  return rows;
}

inline void write_rows(const std::vector<OrderedRow>& rows, ByteWriter& out) {
  out.put(static_cast<std::uint64_t>(rows.size()));
  for (const OrderedRow& row : in_order(rows)) {
    out.put(row.time_ns);
    out.put(row.first);
    out.put(row.second);
  }
}

inline std::vector<OrderedRow> read_rows(ByteReader& in) {
  std::vector<OrderedRow> rows(in.count(24));
  for (OrderedRow& row : rows) {
    row.time_ns = in.nanoseconds();
    row.first = in.get<double>();
    row.second = in.get<double>();
  }
  return rows;
}

// The state of a sequential family: rows that form the sequence, and the tally of those that cannot.
struct OrderedState final : FamilyState {
  Tally tally;
  std::vector<OrderedRow> rows;
  void merge(const OrderedState& from) {
    tally.merge(from.tally);
    rows.insert(rows.end(), from.rows.begin(), from.rows.end());
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    write_rows(rows, out);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    rows = read_rows(in);
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this + rows.capacity() * sizeof(OrderedRow); }
};

}  // namespace tidewatch
