// Records as columns. A batch is self-contained: text columns carry their own dictionary, so a batch can be stored,
// replayed or handed to another thread without a lookup elsewhere. Windows map a dictionary to label ids once per
// batch, not once per row.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "records/schema.h"

namespace tidewatch {

// Texts in one arena. For a category each text stands once; for a string column one per row.
class Dictionary {
 public:
  std::uint32_t add(std::string_view s) {
    chars_.append(s);
    ends_.push_back(static_cast<std::uint32_t>(chars_.size()));
    return static_cast<std::uint32_t>(ends_.size() - 1);
  }
  // Appends `count` texts of another dictionary, from `first` on.
  void add_run(const Dictionary& from, std::uint32_t first, std::size_t count);
  std::string_view operator[](std::uint32_t code) const {
    const std::uint32_t from = code ? ends_[code - 1] : 0;
    return std::string_view(chars_).substr(from, ends_[code] - from);
  }
  std::size_t size() const { return ends_.size(); }
  void clear() {
    chars_.clear();
    ends_.clear();
  }
  void write(ByteWriter& out) const;
  bool read(ByteReader& in);

 private:
  std::string chars_;
  std::vector<std::uint32_t> ends_;
};

// One column; exactly the vector of its type is filled, with one entry a row (a default where null).
struct Column {
  ColumnType type = ColumnType::number;
  std::vector<std::uint8_t> null;      // 1 = null; always one entry a row
  std::vector<double> numbers;         // number; may hold NaN or inf (CSV), which metrics exclude and count
  std::vector<std::int64_t> integers;  // integer; time as ns UTC; boolean as 0 or 1
  std::vector<std::uint32_t> codes;    // string, category: index into `dictionary`
  Dictionary dictionary;

  // The value as a number: number, integer, boolean (0/1), time (seconds since the epoch). Not for text; row not null.
  double as_number(std::size_t row) const {
    if (type == ColumnType::number) return numbers[row];
    if (type == ColumnType::time) return static_cast<double>(integers[row]) / 1e9;
    return static_cast<double>(integers[row]);
  }
  std::string_view text(std::size_t row) const { return dictionary[codes[row]]; }
  bool is_text() const { return type == ColumnType::string || type == ColumnType::category; }
  void clear();
};

// What was seen of the schema in one delivered body: enough to state schema facts.
struct SchemaFact {
  std::string what;  // "added" "removed" "retyped" "reordered" "nullable"
  std::string column;
  std::string detail;  // e.g. "expected number, got string"
  std::uint64_t rows = 0;
};

struct Rejected {
  std::string reason;  // "missing_column" "wrong_type" "bad_json" "bad_csv" "future" "too_late" "bad_time" "bad_utf8"
                       // "unknown_column"
  std::string detail;  // column, expected, got
  std::string record;  // the text as it came, at most 1 KiB
  std::uint64_t line = 0;  // 1-based within the body
};

struct Batch {
  std::size_t rows = 0;
  std::vector<Column> columns;  // declared columns, then derived ones
  std::size_t time_column = 0;  // index into columns; never null
  std::vector<SchemaFact> facts;
  std::uint64_t received = 0;      // rows delivered, rejected ones included
  std::vector<Rejected> rejected;  // first 100 of the body; counts are exact in rejected_counts
  std::vector<std::pair<std::string, std::uint64_t>> rejected_counts;

  Instant time(std::size_t row) const { return {columns[time_column].integers[row]}; }
  // Rows [from, to) as a batch of their own; facts and rejects stay with the first part (from == 0).
  Batch slice(std::size_t from, std::size_t to) const;
  // Rows in the given order (indices into this batch, repeats allowed); no facts or rejects, received = rows.
  // Both keep only the dictionary texts their rows use.
  Batch pick(const std::vector<std::uint32_t>& order) const;

  void write(ByteWriter& out) const;
  static Result<Batch> read(ByteReader& in);
};

Batch empty_batch(const StreamSpec& stream);  // columns typed, no rows

}  // namespace tidewatch
