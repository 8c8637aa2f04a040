// What a pack's windows will take, before it runs: `check` says it, because a window of two weeks in panes of a minute
// over a thousand columns is a line of Lua and a gigabyte.
#pragma once

#include <string>
#include <vector>

#include "metrics/handle.h"
#include "records/schema.h"

namespace tidewatch {

// The windows of metrics that agree on stream, `where`, `by` and step share panes and are one of these.
struct MemoryEstimate {
  std::string stream;
  std::vector<std::string> by;  // of these one for each label set, at most `most_series`
  std::uint32_t most_series = 0;
  double bytes = 0;      // all panes full, with the merges and readings kept beside them
  double row_bytes = 0;  // and for each row of `rows_for`, where rows are kept
  Duration rows_for{};
};

// Handles the engine would refuse are left out. In the order of the handles. A past that moves (against = trailing ...)
// keeps different values, of which there may be as many as rows: those are what is estimated.
std::vector<MemoryEstimate> estimate_memory(const std::vector<StreamSpec>& streams,
                                            const std::vector<HandleSpec>& handles);
// A line for people: "about 41 kB, 12 kB for each label set of region, 24 bytes for each row of orders in 30 days".
std::string describe(const std::vector<MemoryEstimate>& estimates);

}  // namespace tidewatch
