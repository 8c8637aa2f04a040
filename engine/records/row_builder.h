// Rows to columns, for every body format. A row is first gathered in cells and only then appended: a row that turns out
// bad in its last field leaves nothing behind, and no column ever has to be cut back. Texts in cells are borrowed from
// the body until the row ends.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "records/batch.h"

namespace tidewatch {

// Category texts to dictionary codes: open addressing, emptied between bodies by a new epoch instead of a sweep. A text
// of up to sixteen bytes is told by its words and its length alone.
class CodeTable {
 public:
  void begin();
  // `is_padded`: sixteen bytes from the text's first on may be read, however short it is.
  std::uint32_t code_of(std::string_view text, Dictionary& dictionary, bool is_padded = false);

 private:
  struct Slot {
    std::uint64_t first = 0, last = 0;  // words of the text; of a longer one a hash and its last word
    std::uint32_t length = 0, code = 0, epoch = 0;
  };
  static Slot words_of(std::string_view text, bool is_padded);
  static std::uint32_t hash_of(const Slot& words);
  void grow();
  std::vector<Slot> slots_ = std::vector<Slot>(64);
  std::uint32_t epoch_ = 0;
  std::size_t used_ = 0;
};

struct Cell {
  enum class State : std::uint8_t { absent, null, set } state = State::absent;
  double number = 0;         // number
  std::int64_t integer = 0;  // integer, boolean, time (ns)
  std::string_view text;     // string, category
};

class RowBuilder {
 public:
  explicit RowBuilder(const StreamSpec& stream);

  const std::vector<ColumnSpec>& columns() const { return columns_; }
  std::string_view zone() const { return zone_; }
  int find(std::string_view name) const;  // -1 when the schema has no such column

  void begin_body(std::size_t body_bytes);
  void begin_row() {
    for (Cell& cell : cells_) cell.state = Cell::State::absent;
    reason_ = {};
  }
  void set_number(std::size_t column, double v) {
    cells_[column].state = Cell::State::set;
    cells_[column].number = v;
  }
  void set_integer(std::size_t column, std::int64_t v) {
    cells_[column].state = Cell::State::set;
    cells_[column].integer = v;
  }
  void set_text(std::size_t column, std::string_view v) {
    cells_[column].state = Cell::State::set;
    cells_[column].text = v;
  }
  void set_null(std::size_t column);
  // A value of another type; `got` as a person would name it ("string", "number"), `value` as it came.
  void wrong_type(std::size_t column, std::string_view got, std::string_view value);
  void bad_time(std::size_t column, std::string_view value);
  // The first problem of a row is its reason, but an unreadable row is that above all.
  void unreadable(std::string_view reason, std::string detail);
  // Appends the row, or rejects it. `record` is the row as it came; `line` is 1-based.
  // `is_padded`: sixteen bytes from the first of each text on may be read.
  void end_row(std::string_view record, std::uint64_t line, bool is_padded = false);

  void state_fact(std::string_view what, std::string_view column, std::string_view detail, std::uint64_t rows);
  std::uint64_t received() const { return batch_.rows + rejected_; }
  Batch finish();

 private:
  void problem(std::string_view reason, std::string detail);
  void reject(std::string_view record, std::uint64_t line);
  void append(bool is_padded);
  void make_room();  // columns are longer than the batch while it grows: rows are written by index

  std::vector<ColumnSpec> columns_;
  std::string zone_;
  std::size_t time_column_ = 0;
  StreamSpec shape_;  // the stream without its derived columns, for empty_batch
  std::vector<Cell> cells_;
  std::vector<CodeTable> tables_;
  Batch batch_;
  std::uint64_t rejected_ = 0;
  std::string_view reason_;  // of the row in hand; empty while it is good
  std::string detail_;
  std::map<std::string, std::uint64_t, std::less<>> counts_;
  double bytes_per_row_ = 200;  // of the last body, to reserve the next
  std::size_t body_bytes_ = 0;
  std::size_t room_ = 0;  // rows the columns have room for
  struct Place {          // where a column's next cells go: its arrays, which move when room is made
    ColumnType type;
    std::uint8_t* null;
    void* values;
  };
  std::vector<Place> places_;
};

}  // namespace tidewatch
