// Columns that need the row before: previous(close). Rows of such a stream wait until the watermark has passed them and
// are then taken in order (event time, key, values), so the row before is the same one whatever order they came in;
// what comes behind the watermark is too late. Revising rows that were counted already, as joins do, was turned down: a
// late row would change its successor's value in windows that were read, for a gain that `disorder` gives too.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "metrics/windows/row_store.h"
#include "records/expression.h"

namespace tidewatch {

class Sequence {
 public:
  static constexpr std::size_t most_series = 100'000;  // values remembered a column; the longest silent ones go first

  static bool is_needed(const StreamSpec& stream);
  // The error is a sentence for the author.
  static Result<Sequence> make(const StreamSpec& stream);

  void hold(const Batch& batch, std::uint32_t row) { held_.add(batch, row); }
  bool is_empty() const { return held_.size() == 0; }
  // The held rows before `until`, in order and with their columns; no rows when there are none.
  Batch release(Instant until);
  // The same columns for rows that stand by themselves: a baseline's file.
  static Result<Batch> of_rows(const StreamSpec& stream, RowStore& rows);

  std::size_t memory_bytes() const;
  void write(ByteWriter& out);
  bool read(ByteReader& in);

 private:
  struct Last {
    double value;
    Instant at;
  };
  struct Step {  // in the order of the derived columns
    std::size_t target = 0;
    std::optional<Expression> expression;  // else previous():
    std::size_t of = 0;
    std::vector<std::size_t> by;
    std::map<std::string, Last> last;  // by series
  };
  void fill(Batch& batch);
  static void previous(Step& step, Batch& batch);

  std::vector<Step> steps_;
  std::optional<std::size_t> key_column_;
  RowStore held_;
};

}  // namespace tidewatch
