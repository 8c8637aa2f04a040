// Durations and instants against stated truths, and both directions of each against the other.
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "base/time.h"

using namespace tidewatch;

TEST_CASE("durations are read in every spelling the guide shows") {
  const auto [text, ns] = GENERATE(table<std::string, std::int64_t>({
      {"90s", 90'000'000'000},
      {"15m", 900'000'000'000},
      {"1h 30m", 5'400'000'000'000},
      {"1h30m", 5'400'000'000'000},
      {"2 weeks", 1'209'600'000'000'000},
      {"200ms", 200'000'000},
      {"1 day", 86'400'000'000'000},
      {"0s", 0},
      {"0.1s", 100'000'000},
      {"1.5ms", 1'500'000},
      {"2.5 hours", 9'000'000'000'000},
      {"3us 7ns", 3'007},
      {" 1 minute ", 60'000'000'000},
  }));
  INFO(text);
  const auto got = parse_duration(text);
  REQUIRE(got);
  CHECK(got->ns == ns);
}

TEST_CASE("a duration that is not one is refused with what was expected") {
  const auto [text, part] = GENERATE(table<std::string, std::string>({
      {"15", "(did you mean \"15s\"?)"},
      {"1.5", "(did you mean \"1.5s\"?)"},
      {"", "is empty"},
      {"   ", "is empty"},
      {"-5m", "negative"},
      {"5 minuts", "(did you mean \"minute\"?)"},
      {"m", "expected a number"},
      {"1h -3m", "expected a number"},
      {".5s", "expected a number"},
      {"1.s", "expected a number"},
      {"1.2.3s", "has no unit"},
      {"1.5ns", "finer than one nanosecond"},
      {"99999999999 weeks", "longer than"},
      {"9999999999999999999999999s", "24 digits"},
      {"3 business days", "unknown unit \"business\""},
  }));
  INFO(text);
  const auto got = parse_duration(text);
  REQUIRE_FALSE(got);
  INFO(got.error().text);
  CHECK(got.error().code == ErrorCode::invalid);
  CHECK(got.error().text.find(part) != std::string::npos);
}

TEST_CASE("durations are written exactly, largest unit first") {
  CHECK(format_duration(seconds(740)) == "12m 20s");
  CHECK(format_duration(days(1)) == "1d");
  CHECK(format_duration({}) == "0s");
  CHECK(format_duration({1'500'000}) == "1ms 500us");
  CHECK(format_duration(days(14) + hours(3)) == "14d 3h");
  CHECK(format_duration(seconds(-90)) == "-1m 30s");
  CHECK(format_duration({INT64_MIN}).front() == '-');
}

TEST_CASE("a written duration reads back as the same one") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const Duration d{static_cast<std::int64_t>(random() >> (3 + random() % 60))};
    const std::string text = format_duration(d);
    const auto back = parse_duration(text);
    if (!back || *back != d) FAIL(text << " from " << d.ns);
  }
}

TEST_CASE("instants are read with offsets, zones and the default zone") {
  const auto [text, zone, utc] = GENERATE(table<std::string, std::string, std::string>({
      {"2026-03-02", "UTC", "2026-03-02T00:00:00Z"},
      {"2026-03-02 22:00", "UTC", "2026-03-02T22:00:00Z"},
      {"2026-03-02T22:00:00.25Z", "America/New_York", "2026-03-02T22:00:00.250Z"},
      {"2026-03-02T22:00:00+01:00", "UTC", "2026-03-02T21:00:00Z"},
      {"2026-03-02T22:00:00-0530", "UTC", "2026-03-03T03:30:00Z"},
      {"2026-03-02 22:00 America/New_York", "UTC", "2026-03-03T03:00:00Z"},
      {"2026-07-02 22:00", "America/New_York", "2026-07-03T02:00:00Z"},
      {"2026-03-02 America/New_York", "UTC", "2026-03-02T05:00:00Z"},
      {"1969-12-31T23:59:59.999999999Z", "UTC", "1969-12-31T23:59:59.999999999Z"},
      {"2024-02-29T12:00:00.000001Z", "UTC", "2024-02-29T12:00:00.000001Z"},
      // Spring forward in New York 2024-03-10: 02:00 to 03:00 does not exist.
      {"2024-03-10 02:30 America/New_York", "UTC", "2024-03-10T07:00:00Z"},
      {"2024-03-10 01:59:59 America/New_York", "UTC", "2024-03-10T06:59:59Z"},
      // Fall back 2024-11-03: 01:30 comes twice, the first counts (EDT).
      {"2024-11-03 01:30 America/New_York", "UTC", "2024-11-03T05:30:00Z"},
      {"2024-11-03 02:00 America/New_York", "UTC", "2024-11-03T07:00:00Z"},
      // Half-hour shift of Lord Howe.
      {"2024-10-06 02:15 Australia/Lord_Howe", "UTC", "2024-10-05T15:30:00Z"},
  }));
  INFO(text);
  const auto got = parse_instant(text, zone);
  if (!got) FAIL(got.error().text);
  CHECK(format_instant(*got) == utc);
}

TEST_CASE("an instant that is not one is refused with what was expected") {
  const auto [text, part] = GENERATE(table<std::string, std::string>({
      {"yesterday", "expected a date and time"},
      {"", "expected a date and time"},
      {"2026-02-29", "no such date"},
      {"2026-13-01", "no such date"},
      {"2026-03-02 24:00", "00:00:00 to 23:59:59"},
      {"2026-03-02T22:00:60Z", "00:00:00 to 23:59:59"},
      {"2026-03-02T22:00:00+25:00", "offset from -18:00"},
      {"2026-03-02T22:00:00+1", "expected a date and time"},
      {"2026-03-02T22:00:00.Z", "expected a date and time"},
      {"2026-03-02 22:00 America/New_Yrok", "(did you mean \"America/New_York\"?)"},
      {"2026-03-02 22:00 new york", "(did you mean \"America/New_York\"?)"},
      {"2026-03-02 22:00Europe/Paris", "expected a date and time"},
      {"1700-01-01", "outside the years"},
      {"9999-12-31", "outside the years"},
  }));
  INFO(text);
  const auto got = parse_instant(text);
  REQUIRE_FALSE(got);
  INFO(got.error().text);
  CHECK(got.error().text.find(part) != std::string::npos);
}

TEST_CASE("a written instant reads back as the same one, before 1970 too") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    auto ns = static_cast<std::int64_t>(random()) / 2;
    if (i % 3 == 0) ns -= ns % 1'000'000'000;
    if (i % 3 == 1) ns -= ns % 1'000'000;
    const auto back = parse_instant(format_instant({ns}));
    if (!back || back->ns != ns) FAIL(ns);
  }
}

TEST_CASE("random bytes never crash the readers of time") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::string letters = "0123456789-:. TZ+hmsdnuweka/\xff";
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (auto n = random() % 30; n > 0; --n) text += letters[random() % letters.size()];
    if (const auto d = parse_duration(text)) CHECK(d->ns >= 0);
    if (random() % 8 == 0) (void)parse_instant("2026-03-02" + text).ok();
  }
}

TEST_CASE("flooring and ceiling count from the epoch on both sides of it") {
  CHECK(floor_to(Instant{-1}, seconds(1)) == Instant{-1'000'000'000});
  CHECK(ceil_to(Instant{-1}, seconds(1)) == Instant{0});
  CHECK(floor_to(Instant{1'999'999'999}, seconds(1)) == Instant{1'000'000'000});
  CHECK(ceil_to(Instant{2'000'000'000}, seconds(1)) == Instant{2'000'000'000});
}
