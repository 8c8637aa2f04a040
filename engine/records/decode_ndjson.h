// JSON bodies to rows, through simdjson's on-demand reader, one record at a time. Reading a whole body as one stream is
// hardly quicker and loses the place after a malformed record; here exactly the malformed record is rejected, and what
// one line means never depends on another. simdjson stays out of this header.
#pragma once

#include <memory>
#include <string_view>

#include "records/row_builder.h"

namespace tidewatch {

class JsonReader {
 public:
  // `reads_plain` false leaves every record to simdjson: slower, and the same batches (for tests).
  explicit JsonReader(RowBuilder& builder, bool reads_plain = true);
  ~JsonReader();

  // One record a line; blank lines are no records. A carriage return before the line feed is dropped. How many lines.
  std::uint64_t read_lines(std::string_view body);
  // `[{...}, {...}]`, or one object. Elements are found by their brackets; `line` is where an element begins.
  void read_array(std::string_view body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
