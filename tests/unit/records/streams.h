// The stream that record tests share: one column of each type, half of them nullable, and a body builder.
#pragma once

#include "records/decode.h"

namespace tidewatch::testing {

inline StreamSpec api_stream() {
  StreamSpec stream;
  stream.name = "api";
  stream.time = "ts";
  stream.schema.columns = {{"ts", ColumnType::time, false},        {"endpoint", ColumnType::category, false},
                           {"status", ColumnType::integer, false}, {"latency_ms", ColumnType::number, true},
                           {"ok", ColumnType::boolean, true},      {"note", ColumnType::string, true}};
  return stream;
}

inline Batch decoded(const StreamSpec& stream, std::string_view body, BodyFormat format = BodyFormat::ndjson) {
  auto decoder = Decoder::create(stream);
  if (!decoder) throw std::runtime_error(decoder.error().text);
  auto batch = decoder->decode(body, format);
  if (!batch) throw std::runtime_error(batch.error().text);
  return std::move(*batch);
}

inline std::string stored(const Batch& batch) {
  ByteWriter out;
  batch.write(out);
  return out.take();
}

}  // namespace tidewatch::testing
