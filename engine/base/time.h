// Instants and durations: int64 nanoseconds, UTC, two types that do not mix. The core is handed every instant it
// uses; nothing in this file reads a clock.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidewatch {

struct Duration {
  std::int64_t ns = 0;

  friend constexpr auto operator<=>(const Duration&, const Duration&) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
  friend constexpr Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
  friend constexpr Duration operator*(Duration a, std::int64_t k) { return {a.ns * k}; }
  friend constexpr Duration operator/(Duration a, std::int64_t k) { return {a.ns / k}; }
  constexpr double seconds() const { return static_cast<double>(ns) / 1e9; }
};

struct Instant {
  std::int64_t ns = 0;  // since 1970-01-01T00:00:00Z

  friend constexpr auto operator<=>(const Instant&, const Instant&) = default;
  friend constexpr Instant operator+(Instant t, Duration d) { return {t.ns + d.ns}; }
  friend constexpr Instant operator-(Instant t, Duration d) { return {t.ns - d.ns}; }
  friend constexpr Duration operator-(Instant a, Instant b) { return {a.ns - b.ns}; }
};

inline constexpr Instant far_past{INT64_MIN / 2};
inline constexpr Instant far_future{INT64_MAX / 2};

constexpr Duration nanoseconds(std::int64_t n) { return {n}; }
constexpr Duration milliseconds(std::int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000'000}; }
constexpr Duration minutes(std::int64_t n) { return seconds(n * 60); }
constexpr Duration hours(std::int64_t n) { return minutes(n * 60); }
constexpr Duration days(std::int64_t n) { return hours(n * 24); }

// floor and ceiling of t to multiples of step (> 0) counted from the epoch, also before 1970.
constexpr Instant floor_to(Instant t, Duration step) {
  std::int64_t q = t.ns / step.ns;
  if (t.ns % step.ns < 0) --q;
  return {q * step.ns};
}
constexpr Instant ceil_to(Instant t, Duration step) {
  const Instant down = floor_to(t, step);
  return down == t ? t : down + step;
}

// "90s" "15m" "1h 30m" "2 weeks" "200ms" "1 day" "0s"; units ns us ms s m h, second(s) minute(s) hour(s) day(s)
// week(s). Whole or decimal counts, never negative. "15" is refused with (did you mean "15s"?).
Result<Duration> parse_duration(std::string_view text);

// The shortest exact spelling with units w? no: d h m s ms us ns, largest first: "12m 20s", "1d", "0s", "1.5ms" as "1ms
// 500us".
std::string format_duration(Duration d);

// "2026-03-02", "2026-03-02 22:00", "2026-03-02T22:00:00.25Z", "2026-03-02T22:00:00+01:00",
// "2026-03-02 22:00 America/New_York". Without an offset or a zone name the local time is read in `zone`. A local
// time that does not exist is the first instant after the gap; one that exists twice is the first.
Result<Instant> parse_instant(std::string_view text, std::string_view zone = "UTC");

// RFC 3339 in UTC, with as many of 3, 6, 9 decimals as the instant needs: "2026-03-02T22:00:00Z".
std::string format_instant(Instant t);

}  // namespace tidewatch
