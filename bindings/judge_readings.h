// The readings a `when` function gets. They are made once and pointed at the readings of each call, because building
// three tables of ten fields took longer than everything else an evaluation does. A script sees what it saw in a table
// (`now.p95.value`); it cannot change a reading, and one that it kept says so instead of showing another evaluation's.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/binding.h"
#include "metrics/reading.h"

namespace tidewatch {

class JudgeReadings {
 public:
  // Pushes a table of the named readings; inside a protected call, since it may run out of memory. They can be read
  // until close().
  void push(lua_State* state, std::span<const std::pair<std::string_view, const Reading*>> inputs);
  void close();

 private:
  struct Shown {
    Ref object;
    const Reading** reading = nullptr;  // inside the object
  };
  void add(lua_State* state);

  std::vector<Shown> shown_;
  Ref type_;
  std::size_t open_ = 0;
};

}  // namespace tidewatch
