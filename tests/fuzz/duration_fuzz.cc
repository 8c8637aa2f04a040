// Any text as a duration and as a time: what is read is never negative, and its spelling reads back as the same.
#include <cstdint>
#include <cstdlib>

#include "base/time.h"
#include "records/decode_time.h"

using namespace tidewatch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto duration = parse_duration(text)) {
    if (duration->ns < 0) std::abort();
    const auto again = parse_duration(format_duration(*duration));
    if (!again || *again != *duration) std::abort();
  }
  std::int64_t ns = 0;
  // A record's time is a subset of the times people may write; what both read is the same instant.
  if (parse_event_time(text, "UTC", ns)) {
    const auto slow = parse_instant(text);
    if (!slow || slow->ns != ns) std::abort();
  }
  return 0;
}
