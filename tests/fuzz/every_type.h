// A stream with a column of every type, and what must be true of any body it was given: no row is lost uncounted.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "records/decode.h"

namespace tidewatch {

inline Decoder& every_type_decoder() {
  static auto decoder = [] {
    StreamSpec stream;
    stream.time = "ts";
    stream.schema.columns = {{"ts", ColumnType::time, false},  {"c", ColumnType::category, true},
                             {"i", ColumnType::integer, true}, {"x", ColumnType::number, true},
                             {"b", ColumnType::boolean, true}, {"s", ColumnType::string, true}};
    return Decoder::create(stream);
  }();
  return *decoder;
}

inline void each_row_is_counted(const Batch& batch) {
  std::uint64_t rejected = 0;
  for (const auto& [reason, count] : batch.rejected_counts) rejected += count;
  if (batch.received != batch.rows + rejected) std::abort();
}

}  // namespace tidewatch
