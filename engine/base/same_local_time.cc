#include "base/same_local_time.h"

#include "base/calendar.h"

namespace tidewatch {

Instant same_local_time(Instant at, Duration back, const std::string& zone) {
  const Instant plain = at - back;
  if (zone.empty() || zone == "UTC") return plain;
  const Duration now = zone_offset(at, zone);
  const Instant guess = plain + now - zone_offset(plain, zone);
  return plain + now - zone_offset(guess, zone);
}

}  // namespace tidewatch
