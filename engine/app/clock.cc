#include "app/clock.h"

#include <chrono>
#include <cstdlib>

namespace tidewatch {

Result<DemoClock> parse_clock(const std::string& text) {
  const auto at = text.rfind('@');
  const std::string wanted = "--clock: expected START@SPEED such as 2026-01-05@86400, got \"" + text + "\"";
  if (at == std::string::npos) return invalid(wanted);
  const auto start = parse_instant(text.substr(0, at));
  if (!start) return start.error().within("--clock");
  char* end = nullptr;
  const double speed = std::strtod(text.c_str() + at + 1, &end);
  if (*end != '\0' || !(speed > 0) || speed > 1e9) return invalid(wanted);
  return DemoClock{*start, speed};
}

Instant wall_now() {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

std::function<Instant()> start_clock(const DemoClock& clock) {
  const auto began = std::chrono::steady_clock::now();
  return [clock, began] {
    const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return clock.start + Duration{static_cast<std::int64_t>(passed * clock.speed * 1e9)};
  };
}

}  // namespace tidewatch
