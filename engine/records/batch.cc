// Cutting, reordering and storing batches. A part keeps only the dictionary texts its rows use, so that slicing a day
// of records into single event times (a backtest) does not copy the day's dictionary each time. The reader checks what
// the rest of the engine then takes for granted: lengths, code ranges, a time in every row.
#include "records/batch.h"

#include <algorithm>
#include <numeric>

namespace tidewatch {

namespace {

constexpr std::uint8_t format_version = 2;

// Whole numbers as offsets from the least one, in units of 1 or of a million, each in the fewest of 1, 2, 4 or 8 bytes:
// half the bytes of a batch to compress and to write. Never no byte at all: a length must be paid for in bytes, or a
// damaged one could ask for any amount of memory.
constexpr std::uint64_t million = 1'000'000;

template <typename Narrow, typename T>
void write_offsets(const std::vector<T>& values, std::uint64_t base, std::uint64_t unit, ByteWriter& out) {
  std::vector<Narrow> offsets(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    offsets[i] = static_cast<Narrow>((static_cast<std::uint64_t>(values[i]) - base) / unit);
  out.array(offsets);
}

template <typename T>
void write_whole(const std::vector<T>& values, ByteWriter& out) {
  T least = 0, most = 0;
  if (!values.empty()) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    least = *low;
    most = *high;
  }
  const auto base = static_cast<std::uint64_t>(least);
  std::uint64_t range = static_cast<std::uint64_t>(most) - base, unit = 1;
  if (range >= million && std::all_of(values.begin(), values.end(), [base](T value) {
        return (static_cast<std::uint64_t>(value) - base) % million == 0;
      })) {
    unit = million;
    range /= million;
  }
  const std::uint8_t width = range < 1ull << 8 ? 1 : range < 1ull << 16 ? 2 : range < 1ull << 32 ? 4 : 8;
  out.put(static_cast<std::uint8_t>(width | (unit == million ? 16 : 0)));
  out.put(base);
  // The unit a constant in each call: a division by a variable would cost more than the rest.
  const auto write = [&](auto narrow) {
    using Narrow = decltype(narrow);
    if (unit == million)
      write_offsets<Narrow>(values, base, million, out);
    else
      write_offsets<Narrow>(values, base, 1, out);
  };
  if (width == 1) write(std::uint8_t{});
  if (width == 2) write(std::uint16_t{});
  if (width == 4) write(std::uint32_t{});
  if (width == 8) write(std::uint64_t{});
}

template <typename Narrow, typename T>
void read_offsets(ByteReader& in, std::uint64_t base, std::uint64_t unit, std::vector<T>& values) {
  const std::vector<Narrow> offsets = in.array<Narrow>();
  values.resize(offsets.size());
  for (std::size_t i = 0; i < offsets.size(); ++i) values[i] = static_cast<T>(base + offsets[i] * unit);
}

template <typename T>
std::vector<T> read_whole(ByteReader& in) {
  const auto how = in.get<std::uint8_t>();
  const auto base = in.get<std::uint64_t>();
  const std::uint64_t unit = how & 16 ? million : 1;
  std::vector<T> values;
  switch (how & ~16u) {
    case 1:
      read_offsets<std::uint8_t>(in, base, unit, values);
      break;
    case 2:
      read_offsets<std::uint16_t>(in, base, unit, values);
      break;
    case 4:
      read_offsets<std::uint32_t>(in, base, unit, values);
      break;
    case 8:
      read_offsets<std::uint64_t>(in, base, unit, values);
      break;
    default:
      in.fail();
  }
  return values;
}

template <typename T>
std::vector<T> gather(const std::vector<T>& from, const std::vector<std::uint32_t>& order) {
  std::vector<T> out;
  out.reserve(order.size());
  for (const std::uint32_t row : order) out.push_back(from[row]);
  return out;
}

// Whether the rows' texts stand one after the other in the dictionary, nulls as empty ones: the usual run of rows.
bool is_text_a_row(const Column& from, const std::vector<std::uint32_t>& order) {
  if (order.empty()) return false;
  const std::uint32_t first = from.codes[order.front()];
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint32_t row = order[i];
    if (from.codes[row] != first + i || (from.null[row] && !from.text(row).empty())) return false;
  }
  return first + order.size() <= from.dictionary.size();
}

void gather_texts(const Column& from, const std::vector<std::uint32_t>& order, Column& to) {
  to.codes.reserve(order.size());
  if (from.type == ColumnType::string && is_text_a_row(from, order)) {
    to.dictionary.add_run(from.dictionary, from.codes[order.front()], order.size());
    to.codes.resize(order.size());
    std::iota(to.codes.begin(), to.codes.end(), 0u);
    return;
  }
  if (from.type == ColumnType::string) {
    for (const std::uint32_t row : order) to.codes.push_back(to.dictionary.add(from.null[row] ? "" : from.text(row)));
    return;
  }
  // New codes follow the old ones' order, so a slice of everything has the dictionary it came from, less what is
  // unused.
  if (from.dictionary.size() > 4 * order.size()) {  // few rows of a large dictionary: do not walk all of it
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
    return;
  }
  constexpr std::uint32_t unused = UINT32_MAX;
  std::vector<std::uint32_t> code_in(from.dictionary.size(), unused);
  for (const std::uint32_t row : order) {
    if (!from.null[row]) code_in[from.codes[row]] = 0;
  }
  for (std::uint32_t code = 0; code < code_in.size(); ++code) {
    if (code_in[code] != unused) code_in[code] = to.dictionary.add(from.dictionary[code]);
  }
  for (const std::uint32_t row : order) to.codes.push_back(from.null[row] ? 0 : code_in[from.codes[row]]);
}

void write_column(const Column& column, ByteWriter& out) {
  out.put(column.type);
  const bool has_nulls = std::find(column.null.begin(), column.null.end(), 1) != column.null.end();
  out.put(static_cast<std::uint8_t>(has_nulls));
  if (has_nulls) out.array(column.null);
  if (column.type == ColumnType::number) {
    out.array(column.numbers);
  } else if (column.is_text()) {
    write_whole(column.codes, out);
    column.dictionary.write(out);
  } else {
    write_whole(column.integers, out);
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
    column.codes = read_whole<std::uint32_t>(in);
    values = column.codes.size();
    if (!column.dictionary.read(in)) return false;
  } else {
    column.integers = read_whole<std::int64_t>(in);
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

void Dictionary::add_run(const Dictionary& from, std::uint32_t first, std::size_t count) {
  if (count == 0) return;
  const std::uint32_t begin = first ? from.ends_[first - 1] : 0, end = from.ends_[first + count - 1];
  const auto base = static_cast<std::uint32_t>(chars_.size());
  chars_.append(from.chars_, begin, end - begin);
  ends_.reserve(ends_.size() + count);
  for (std::size_t i = 0; i < count; ++i) ends_.push_back(base + from.ends_[first + i] - begin);
}

void Dictionary::write(ByteWriter& out) const {
  out.text(chars_);
  std::vector<std::uint32_t> lengths(ends_.size());
  std::adjacent_difference(ends_.begin(), ends_.end(), lengths.begin());
  write_whole(lengths, out);
}

bool Dictionary::read(ByteReader& in) {
  chars_ = in.text();
  ends_ = read_whole<std::uint32_t>(in);
  std::uint64_t end = 0;
  for (std::uint32_t& each : ends_) {
    end += each;
    each = static_cast<std::uint32_t>(end);
    if (end > chars_.size()) in.fail();
  }
  const bool sound = in.good() && end == chars_.size();
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
