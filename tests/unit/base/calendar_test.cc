// Dates against known weekdays, zones against known shifts, the exchange calendar against published closings, and
// counting against a walk from day to day.
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/calendar.h"

using namespace tidewatch;

namespace {

CivilDay day_of(const std::string& text) {
  return to_day({std::stoi(text.substr(0, 4)), static_cast<std::uint32_t>(std::stoi(text.substr(5, 2))),
                 static_cast<std::uint32_t>(std::stoi(text.substr(8, 2)))});
}

// The first field of every line of a gzip CSV after its header; empty when the file is not there.
std::vector<std::string> first_column(const std::string& path) {
  std::vector<std::string> out;
  std::FILE* file = popen(("gzip -dc '" + path + "' 2>/dev/null").c_str(), "r");
  if (!file) return out;
  char line[4096];
  bool header = true;
  while (std::fgets(line, sizeof line, file)) {
    if (!header) out.emplace_back(std::string(line).substr(0, 10));
    header = false;
  }
  pclose(file);
  return out;
}

// How many of the delivered dates the calendar calls closed; every date it calls open must have been delivered.
int closed_but_delivered(const std::vector<std::string>& delivered) {
  const Calendar xnys = *Calendar::named("XNYS");
  std::set<CivilDay> seen;
  for (const std::string& text : delivered) seen.insert(day_of(text));
  int closed = 0;
  for (CivilDay day = *seen.begin(); day <= *seen.rbegin(); ++day) {
    const bool came = seen.count(day) == 1;
    if (xnys.is_business_day(day) && !came) FAIL(format_day(day) << " is open in the calendar, but has no data");
    if (!xnys.is_business_day(day) && came) ++closed;
  }
  return closed;
}

}  // namespace

TEST_CASE("dates and day numbers agree") {
  CHECK(to_day({1970, 1, 1}) == 0);
  CHECK(to_day({2000, 3, 1}) == 11'017);
  CHECK(to_day({1969, 12, 31}) == -1);
  CHECK(format_day(to_day({2026, 3, 2})) == "2026-03-02");
  for (CivilDay day = -200'000; day < 200'000; day += 17) CHECK(to_day(to_date(day)) == day);
}

TEST_CASE("weekdays are counted from Monday, before 1970 too") {
  CHECK(weekday(0) == 3);                       // a Thursday
  CHECK(weekday(-3) == 0);                      // 1969-12-29, a Monday
  CHECK(weekday(to_day({2026, 3, 2})) == 0);    // a Monday
  CHECK(weekday(to_day({2024, 2, 29})) == 3);   // a Thursday
  CHECK(weekday(to_day({1899, 12, 31})) == 6);  // a Sunday
}

TEST_CASE("an unknown zone is refused with the nearest name") {
  CHECK(check_zone("Europe/London"));
  CHECK(check_zone("UTC"));
  const auto got = check_zone("Europe/Lodnon");
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ErrorCode::not_found);
  CHECK(got.error().text.find("Europe/London") != std::string::npos);
  CHECK(check_zone("tokyo").error().text.find("Asia/Tokyo") != std::string::npos);
  CHECK_FALSE(check_zone(""));
}

TEST_CASE("local days are 23 and 25 hours long where the clocks shift") {
  const std::string zone = "America/New_York";
  const auto length = [&](CivilDate d) {
    return local_midnight(to_day(d) + 1, zone) - local_midnight(to_day(d), zone);
  };
  CHECK(length({2024, 3, 10}) == hours(23));
  CHECK(length({2024, 11, 3}) == hours(25));
  CHECK(length({2024, 6, 1}) == hours(24));
}

TEST_CASE("a midnight that is skipped is the first instant after the gap") {
  // Clocks in Beirut went from 00:00 to 01:00 on 2022-03-27 (local +2 to +3).
  CHECK(format_instant(local_midnight(to_day({2022, 3, 27}), "Asia/Beirut")) == "2022-03-26T22:00:00Z");
  // Samoa had no 2011-12-30 at all.
  CHECK(local_midnight(to_day({2011, 12, 30}), "Pacific/Apia") ==
        local_midnight(to_day({2011, 12, 31}), "Pacific/Apia"));
}

TEST_CASE("the local midnight of every day is on that day, and the instant before it is not") {
  for (const std::string zone : {"America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe",
                                 "America/St_Johns", "America/Sao_Paulo", "UTC"}) {
    for (CivilDay day = to_day({1999, 1, 1}); day < to_day({2030, 1, 1}); ++day) {
      const Instant midnight = local_midnight(day, zone);
      if (local_day(midnight, zone) != day || local_day(midnight - nanoseconds(1), zone) != day - 1) {
        // A clock set back across midnight shows the old date twice: only then may the second half fail.
        if (local_day(midnight, zone) == day && local_day(midnight - nanoseconds(1), zone) == day) continue;
        FAIL(zone << " " << format_day(day));
      }
    }
  }
}

TEST_CASE("New York's published closings are closed and their neighbours open") {
  const Calendar xnys = *Calendar::named("XNYS");
  for (const std::string closed :
       {"1999-01-01", "1999-04-02", "1999-07-05", "2000-04-21", "2000-12-25", "2001-09-11", "2001-09-14",
        "2004-06-11", "2004-12-24", "2006-01-02", "2007-01-02", "2010-12-24", "2012-10-29", "2012-10-30",
        "2015-07-03", "2018-12-05", "2021-12-24", "2022-06-20", "2022-12-26", "2023-01-02", "2023-04-07",
        "2024-03-29", "2024-06-19", "2025-01-09", "2025-01-20", "2025-04-18", "2026-01-01", "2026-01-19",
        "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26",
        "2026-12-25", "2027-03-26", "2027-06-18", "2027-07-05", "2027-12-24", "2028-04-14", "2028-05-29"}) {
    INFO(closed);
    CHECK_FALSE(xnys.is_business_day(day_of(closed)));
  }
  for (const std::string open :
       {"1999-12-31", "2001-09-10", "2001-09-17", "2004-12-31", "2010-12-31", "2021-06-18", "2021-12-31", "2022-01-03",
        "2027-12-31", "2024-07-03", "2024-11-29", "2020-06-19", "2024-10-14", "2024-11-11"}) {
    INFO(open);
    CHECK(xnys.is_business_day(day_of(open)));
  }
}

TEST_CASE("the exchange was open as many days a year as its statistics say") {
  // Trading days a year as the exchange counts them; 2001, 2012 and 2025 show the special closings.
  const std::vector<std::pair<int, int>> published{{1999, 252}, {2000, 252}, {2001, 248}, {2004, 252}, {2007, 251},
                                                   {2008, 253}, {2011, 252}, {2012, 250}, {2015, 252}, {2018, 251},
                                                   {2019, 252}, {2020, 253}, {2021, 252}, {2022, 251}, {2023, 250},
                                                   {2024, 252}, {2025, 250}};
  const Calendar xnys = *Calendar::named("XNYS");
  for (const auto& [year, count] : published) {
    INFO(year);
    CHECK(xnys.business_days_between(to_day({year - 1, 12, 31}), to_day({year + 1, 1, 1})) == count);
  }
}

TEST_CASE("the exchange calendar matches every day real data was delivered for") {
  const char* folder = std::getenv("TIDEWATCH_DATA");
  if (!folder) {
    WARN("data absent: set TIDEWATCH_DATA to the data folder to compare with real trading days");
    return;
  }
  const auto market = first_column(std::string(folder) + "/market/market_daily.csv.gz");
  const auto feed = first_column(std::string(folder) + "/feed/trading_days.csv.gz");
  if (market.empty() || feed.empty()) {
    WARN("data absent: market/market_daily.csv.gz or feed/trading_days.csv.gz");
    return;
  }
  CHECK(closed_but_delivered(market) == 0);
  // The volatility index is printed on some holidays of the exchange, so its feed has dates the exchange has not.
  CHECK(closed_but_delivered(feed) < 16);
}

TEST_CASE("business days between dates exclude both ends") {
  const Calendar xnys = *Calendar::named("XNYS"), weekdays = *Calendar::named("weekdays");
  // Newest 2024-03-28, today 2024-04-03: Good Friday 03-29, Mon 04-01, Tue 04-02.
  CHECK(weekdays.business_days_between(day_of("2024-03-28"), day_of("2024-04-03")) == 3);
  CHECK(xnys.business_days_between(day_of("2024-03-28"), day_of("2024-04-03")) == 2);
  CHECK(xnys.business_days_between(day_of("2024-04-03"), day_of("2024-04-03")) == 0);
  CHECK(xnys.business_days_between(day_of("2024-04-05"), day_of("2024-04-01")) == 0);
  CHECK(xnys.shift(day_of("2026-07-02"), 1) == day_of("2026-07-06"));
  CHECK(xnys.shift(day_of("2026-07-06"), -1) == day_of("2026-07-02"));
  CHECK(xnys.shift(day_of("2026-07-04"), 0) == day_of("2026-07-04"));
}

TEST_CASE("counting and shifting agree with a walk from day to day") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<CivilDay> holidays;
    for (auto n = random() % 20; n > 0; --n) holidays.push_back(static_cast<CivilDay>(random() % 400) - 200);
    const Calendar calendar("made", static_cast<std::uint8_t>(random() % 127 + 1), holidays);
    const auto from = static_cast<CivilDay>(random() % 300) - 150, to = static_cast<CivilDay>(random() % 300) - 150;
    std::int64_t walked = 0;
    for (CivilDay day = from + 1; day < to; ++day) walked += calendar.is_business_day(day);
    CHECK(calendar.business_days_between(from, to) == walked);
    const auto n = static_cast<std::int64_t>(random() % 61) - 30;
    CivilDay day = from;
    for (std::int64_t left = std::abs(n); left > 0;) {
      day += n > 0 ? 1 : -1;
      if (calendar.is_business_day(day)) --left;
    }
    CHECK(calendar.shift(from, n) == day);
  }
}

TEST_CASE("a calendar without open days and an absurd shift still answer") {
  CHECK(Calendar("never", 0, {}).shift(10, 5) == 10);
  CHECK(Calendar::named("weekdays")->shift(0, INT64_C(1) << 60) == INT32_MAX);
  CHECK(Calendar::named("weekdays")->shift(0, -(INT64_C(1) << 60)) == INT32_MIN);
}

TEST_CASE("an unknown calendar is refused with the nearest name") {
  const auto got = Calendar::named("XNYSE");
  REQUIRE_FALSE(got);
  CHECK(got.error().text.find("(did you mean \"XNYS\"?)") != std::string::npos);
}
