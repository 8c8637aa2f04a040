// Any bytes as a CSV body, behind a good header and as they are: no crash, and received = rows + rejected.
#include "every_type.h"

using namespace tidewatch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& body : {bytes, "ts,c,i,x,b,s\n" + bytes}) {
    const auto batch = every_type_decoder().decode(body, BodyFormat::csv);
    if (batch) each_row_is_counted(*batch);
  }
  return 0;
}
