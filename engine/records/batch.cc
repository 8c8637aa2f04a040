// Cutting, reordering and storing batches. A part keeps only the dictionary texts its rows use, so that slicing a day
// of records into single event times (a backtest) does not copy the day's dictionary each time. The reader checks what
// the rest of the engine then takes for granted: lengths, code ranges, a time in every row.
#include "records/batch.h"

#include <algorithm>
#include <numeric>

namespace tidewatch {

namespace {

constexpr std::uint8_t format_version = 1;

template <typename T>
std::vector<T> gather(const std::vector<T>& from, const std::vector<std::uint32_t>& order) {
  std::vector<T> out;
  out.reserve(order.size());
  for (const std::uint32_t row : order) out.push_back(from[row]);
  return out;
}

void gather_texts(const Column& from, const std::vector<std::uint32_t>& order, Column& to) {
  to.codes.reserve(order.size());
  if (from.type == ColumnType::string) {
    for (const std::uint32_t row : order) to.codes.push_back(to.dictionary.add(from.null[row] ? "" : from.text(row)));
    return;
  }
  // New codes follow the old ones' order, so a slice of everything has the dictionary it came from, less what is
  // unused.
  std::vector<std::uint32_t> used;
  used.reserve(order.size());
  for (const std::uint32_t row : order) {
    if (!from.null[row]) used.push_back(from.codes[row]);
  }
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  for (const std::uint32_t code : used) to.dictionary.add(from.dictionary[code]);
  for (const std::uint32_t row : order) {
    const auto at = from.null[row] ? used.begin() : std::lower_bound(used.begin(), used.end(), from.codes[row]);
    to.codes.push_back(static_cast<std::uint32_t>(at - used.begin()));
  }
}

void write_column(const Column& column, ByteWriter& out) {
  out.put(column.type);
  const bool has_nulls = std::find(column.null.begin(), column.null.end(), 1) != column.null.end();
  out.put(static_cast<std::uint8_t>(has_nulls));
  if (has_nulls) out.array(column.null);
  if (column.type == ColumnType::number) {
    out.array(column.numbers);
  } else if (column.is_text()) {
    out.array(column.codes);
    column.dictionary.write(out);
  } else {
    out.array(column.integers);
  }
}

bool read_column(ByteReader& in, std::size_t rows, Column& column) {
  const auto type = in.get<std::uint8_t>();
  if (!in.good() || type > static_cast<std::uint8_t>(ColumnType::time)) return false;
  column.type = static_cast<ColumnType>(type);
  const bool has_nulls = in.get<std::uint8_t>() != 0;
  if (has_nulls) column.null = in.array<std::uint8_t>();
  if (has_nulls && std::any_of(column.null.begin(), column.null.end(), [](std::uint8_t n) { return n > 1; })) {
    return false;
  }
  std::size_t values = 0;
  if (column.type == ColumnType::number) {
    column.numbers = in.array<double>();
    values = column.numbers.size();
  } else if (column.is_text()) {
    column.codes = in.array<std::uint32_t>();
    values = column.codes.size();
    if (!column.dictionary.read(in)) return false;
  } else {
    column.integers = in.array<std::int64_t>();
    values = column.integers.size();
  }
  // Sizes first: `rows` is not trusted before a column of that length has really been read.
  if (!in.good() || values != rows) return false;
  if (!has_nulls) column.null.assign(rows, 0);
  if (column.null.size() != rows) return false;
  for (std::size_t row = 0; row < column.codes.size(); ++row) {
    if (column.codes[row] >= column.dictionary.size() && !(column.null[row] && column.codes[row] == 0)) return false;
  }
  return true;
}

}  // namespace

void Dictionary::write(ByteWriter& out) const {
  out.text(chars_);
  out.array(ends_);
}

bool Dictionary::read(ByteReader& in) {
  chars_ = in.text();
  ends_ = in.array<std::uint32_t>();
  bool sound = in.good() && std::is_sorted(ends_.begin(), ends_.end());
  sound = sound && (ends_.empty() ? chars_.empty() : ends_.back() == chars_.size());
  if (!sound) clear();
  return sound;
}

void Column::clear() {
  null.clear();
  numbers.clear();
  integers.clear();
  codes.clear();
  dictionary.clear();
}

Batch Batch::pick(const std::vector<std::uint32_t>& order) const {
  Batch out;
  out.rows = order.size();
  out.time_column = time_column;
  out.received = order.size();
  out.columns.resize(columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const Column& from = columns[c];
    Column& to = out.columns[c];
    to.type = from.type;
    to.null = gather(from.null, order);
    if (from.type == ColumnType::number) {
      to.numbers = gather(from.numbers, order);
    } else if (from.is_text()) {
      gather_texts(from, order, to);
    } else {
      to.integers = gather(from.integers, order);
    }
  }
  return out;
}

Batch Batch::slice(std::size_t from, std::size_t to) const {
  from = std::min(from, rows);
  to = std::max(from, std::min(to, rows));
  std::vector<std::uint32_t> order(to - from);
  std::iota(order.begin(), order.end(), static_cast<std::uint32_t>(from));
  Batch out = pick(order);
  if (from == 0) {
    out.facts = facts;
    out.rejected = rejected;
    out.rejected_counts = rejected_counts;
    for (const auto& [reason, count] : rejected_counts) out.received += count;
  }
  return out;
}

void Batch::write(ByteWriter& out) const {
  out.put(format_version);
  out.put(static_cast<std::uint64_t>(rows));
  out.put(static_cast<std::uint64_t>(columns.size()));
  for (const Column& column : columns) write_column(column, out);
  out.put(static_cast<std::uint64_t>(time_column));
  out.put(static_cast<std::uint64_t>(facts.size()));
  for (const SchemaFact& fact : facts) {
    out.text(fact.what);
    out.text(fact.column);
    out.text(fact.detail);
    out.put(fact.rows);
  }
  out.put(received);
  out.put(static_cast<std::uint64_t>(rejected.size()));
  for (const Rejected& one : rejected) {
    out.text(one.reason);
    out.text(one.detail);
    out.text(one.record);
    out.put(one.line);
  }
  out.put(static_cast<std::uint64_t>(rejected_counts.size()));
  for (const auto& [reason, count] : rejected_counts) {
    out.text(reason);
    out.put(count);
  }
}

Result<Batch> Batch::read(ByteReader& in) {
  const auto version = in.get<std::uint8_t>();
  if (!in.good() || version != format_version) {
    return invalid("reading a batch: expected format " + std::to_string(format_version) + ", got " +
                   (in.good() ? std::to_string(version) : std::string("nothing")));
  }
  Batch batch;
  batch.rows = in.get<std::uint64_t>();
  batch.columns.resize(in.count(2));
  for (std::size_t c = 0; c < batch.columns.size(); ++c) {
    if (!read_column(in, batch.rows, batch.columns[c])) {
      return invalid("reading a batch: column " + std::to_string(c + 1) + " is damaged");
    }
  }
  batch.time_column = in.get<std::uint64_t>();
  const bool has_time = in.good() && batch.time_column < batch.columns.size() &&
                        batch.columns[batch.time_column].type == ColumnType::time;
  if (!has_time && !batch.columns.empty()) return invalid("reading a batch: it has no time column");
  if (has_time) {
    const Column& times = batch.columns[batch.time_column];
    if (std::find(times.null.begin(), times.null.end(), 1) != times.null.end()) {
      return invalid("reading a batch: a row has no time");
    }
  } else if (batch.rows != 0) {
    return invalid("reading a batch: rows without columns");
  }
  for (std::size_t i = 0, n = in.count(20); i < n && in.good(); ++i) {
    SchemaFact fact;
    fact.what = in.text();
    fact.column = in.text();
    fact.detail = in.text();
    fact.rows = in.get<std::uint64_t>();
    batch.facts.push_back(std::move(fact));
  }
  batch.received = in.get<std::uint64_t>();
  for (std::size_t i = 0, n = in.count(20); i < n && in.good(); ++i) {
    Rejected one;
    one.reason = in.text();
    one.detail = in.text();
    one.record = in.text();
    one.line = in.get<std::uint64_t>();
    batch.rejected.push_back(std::move(one));
  }
  for (std::size_t i = 0, n = in.count(12); i < n && in.good(); ++i) {
    std::string reason = in.text();
    batch.rejected_counts.emplace_back(std::move(reason), in.get<std::uint64_t>());
  }
  if (!in.good()) return invalid("reading a batch: it ends too early");
  return batch;
}

Batch empty_batch(const StreamSpec& stream) {
  Batch batch;
  for (const ColumnSpec& spec : stream.schema.columns) batch.columns.emplace_back().type = spec.type;
  for (std::size_t i = 0; i < stream.derived.size(); ++i) batch.columns.emplace_back().type = ColumnType::number;
  batch.time_column = stream.schema.find(stream.time).value_or(0);
  return batch;
}

}  // namespace tidewatch
