// What a stream's records look like. A schema never changes after load; the schema that *arrives* is compared with
// it, and each difference is a fact of the stream (added, removed, retyped, reordered, nullable).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tidewatch {

enum class ColumnType : std::uint8_t { number, integer, boolean, string, category, time };

std::string_view name_of(ColumnType type);
std::optional<ColumnType> column_type_named(std::string_view name);

struct ColumnSpec {
  std::string name;
  ColumnType type = ColumnType::number;
  bool nullable = false;
};

struct Schema {
  std::vector<ColumnSpec>
      columns;  // in declared order (Lua tables have none: the binding sorts by name unless given as a list)

  std::optional<std::size_t> find(std::string_view name) const;
  std::vector<std::string> names() const;
  // SHA-256 of lines `name TAB type TAB 0|1(nullable) LF`, as declared, or sorted by name when not `ordered`.
  std::string hash(bool ordered = true) const;
};

// A derived column: `error = "abs(predicted - actual)"`, a number, appended after the declared ones.
struct DerivedSpec {
  std::string name;
  std::string expression;
  // Instead of an expression: `previous(close, symbol)`, the newest value of `previous_of` that is not null in an
  // earlier row with the same `previous_by`. It is filled once rows are in order (metrics/windows/sequence.h), null
  // until then.
  std::string previous_of = {};
  std::vector<std::string> previous_by = {};
};

// A stream made of two others: predictions and the labels that arrive later, matched by key. Its schema is both sides'
// columns; it is never fed from outside.
struct JoinSpec {
  std::string predictions, labels;  // names of streams
  std::vector<std::string> on;      // key columns, which both have
  Duration within{}, early{};       // -early <= t_label - t_prediction <= within
  double coverage = 0.8;            // share of labelled predictions that makes a window mature
  bool is_over_label_time = false;  // windows over label time instead of prediction time
  std::uint64_t most_pending = 1'000'000;
};

struct StreamSpec {
  std::string name;
  Schema schema;
  std::string time;  // column of type time that places a record in a window
  std::string key;   // "" when none
  std::vector<DerivedSpec> derived;
  Duration disorder{0};  // how far behind the newest event time the watermark stays
  Duration idle = minutes(1);
  Duration future = minutes(5);  // rows further ahead of the clock are rejected
  std::string zone = "UTC";      // for times and dates without an offset
  std::string file, line;        // where it was declared
  std::optional<JoinSpec> join;  // set on joined streams
};

}  // namespace tidewatch
