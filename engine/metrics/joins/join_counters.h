// What a label join did with every row it was given: each one is in a pair, waiting, or in one of these counts. They
// belong to the set of rows, not to their order: a label first taken for a leak that then meets an earlier score of its
// id moves from one count to the other.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/bytes.h"

namespace tidewatch {

struct JoinCounters {
  std::uint64_t predictions = 0;  // that stand: one an id
  std::uint64_t matched = 0;      // of those, with a label
  std::uint64_t labels = 0;       // rows of the labels' stream, all outcomes
  std::uint64_t no_key = 0;       // null keys of either side, and labels with nothing but a key
  std::uint64_t orphan = 0;       // labels without a prediction in reach
  std::uint64_t leaked = 0;       // labels older than their prediction
  std::uint64_t duplicates = 0;   // labels seen before, byte for byte
  std::uint64_t relabelled = 0;   // further labels of one prediction
  std::uint64_t rescored = 0;     // further predictions of one id
  std::uint64_t expired = 0;      // predictions whose label never came
  std::uint64_t evicted = 0;      // rows that had to go early because the buffer was full
  std::uint64_t too_late = 0;     // rows that would have changed what is settled

  // In the order of the text above, with the names scripts and /metrics use.
  std::array<std::pair<std::string_view, std::uint64_t>, 12> all() const {
    return {{{"predictions", predictions},
             {"matched", matched},
             {"labels", labels},
             {"no_key", no_key},
             {"orphan", orphan},
             {"leaked", leaked},
             {"duplicates", duplicates},
             {"relabelled", relabelled},
             {"rescored", rescored},
             {"expired", expired},
             {"evicted", evicted},
             {"too_late", too_late}}};
  }
  bool operator==(const JoinCounters&) const = default;

  void write(ByteWriter& out) const {
    for (const auto& [name, value] : all()) out.put(value);
  }
  void read(ByteReader& in) {
    for (std::uint64_t* v : {&predictions, &matched, &labels, &no_key, &orphan, &leaked, &duplicates, &relabelled,
                             &rescored, &expired, &evicted, &too_late})
      *v = in.get<std::uint64_t>();
  }
};

}  // namespace tidewatch
