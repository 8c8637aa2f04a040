// Any bytes as a CSV body, behind a good header and as they are: no crash, and received = rows + rejected.
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
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& body : {bytes, "ts,c,i,x,b,s\n" + bytes}) {
    const auto batch = decoder->decode(body, BodyFormat::csv);
    if (!batch) continue;
    std::uint64_t rejected = 0;
    for (const auto& [reason, count] : batch->rejected_counts) rejected += count;
    if (batch->received != batch->rows + rejected) std::abort();
  }
  return 0;
}
