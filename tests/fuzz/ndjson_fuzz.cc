// Any bytes as an NDJSON and as an array body: no crash, no byte read past the end, and received = rows + rejected.
#include "every_type.h"

using namespace tidewatch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of exactly this size, so that a sanitizer sees the first byte too many.
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const BodyFormat format : {BodyFormat::ndjson, BodyFormat::json_array}) {
    const auto batch = every_type_decoder().decode(body, format);
    if (!batch) std::abort();
    each_row_is_counted(*batch);
    ByteWriter out;
    batch->write(out);
    ByteReader in(out.bytes());
    if (!Batch::read(in).ok() || !in.at_end()) std::abort();
  }
  return 0;
}
