// Any bytes as an NDJSON and as an array body: no crash, no byte read past the end, and received = rows + rejected.
#include <cstdint>
#include <cstdlib>

#include "records/decode.h"

using namespace tidewatch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  StreamSpec stream;
  stream.time = "ts";
  stream.schema.columns = {{"ts", ColumnType::time, false},  {"c", ColumnType::category, true},
                           {"i", ColumnType::integer, true}, {"x", ColumnType::number, true},
                           {"b", ColumnType::boolean, true}, {"s", ColumnType::string, true}};
  static auto decoder = Decoder::create(stream);
  // A copy of exactly this size, so that a sanitizer sees the first byte too many.
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const BodyFormat format : {BodyFormat::ndjson, BodyFormat::json_array}) {
    const auto batch = decoder->decode(body, format);
    if (!batch) std::abort();
    std::uint64_t rejected = 0;
    for (const auto& [reason, count] : batch->rejected_counts) rejected += count;
    if (batch->received != batch->rows + rejected) std::abort();
    ByteWriter out;
    batch->write(out);
    ByteReader in(out.bytes());
    if (!Batch::read(in).ok() || !in.at_end()) std::abort();
  }
  return 0;
}
