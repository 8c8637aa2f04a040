// The readings a `when` function gets. They and the table they stand in are made once and pointed at the readings of
// each call: building them anew took longer than everything else an evaluation does, most of it to collect them again.
// A script sees what it saw in a table (`now.p95.value`); it cannot change it, and a reading that it kept says so
// instead of showing another evaluation's. Functions whose inputs have the same names share a table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/binding.h"
#include "metrics/reading.h"

namespace tidewatch {

class JudgeReadings {
 public:
  // Pushes a table of the named readings of this function; inside a protected call, since it may run out of memory.
  // They can be read until close().
  void push(lua_State* state, int function, std::span<const std::pair<std::string_view, const Reading*>> inputs);
  void close();

 private:
  struct Shown {
    Ref object;
    const Reading** reading = nullptr;  // inside the object
  };
  struct Table {
    std::vector<std::string> names;
    Ref object;
  };
  void add(lua_State* state);
  const Table& table_for(lua_State* state, int function,
                         std::span<const std::pair<std::string_view, const Reading*>> inputs);

  std::vector<Shown> shown_;
  std::vector<Table> tables_;
  std::vector<std::size_t> table_of_;  // by function; checked at each call
  Ref type_;
  std::size_t open_ = 0;
};

}  // namespace tidewatch
