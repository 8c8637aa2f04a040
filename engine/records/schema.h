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
};

}  // namespace tidewatch
