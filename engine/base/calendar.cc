// Dates, zones and business calendars. Holidays of the New York Stock Exchange are computed from its published rules
// (Rule 7.2 and the yearly calendars) and listed one by one only where a closing was special; a table of 300 dates
// would be as long and harder to check. Outside 1999-2030 "XNYS" knows weekends only.
#include "base/calendar.h"

#include <date/tz.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <limits>
#include <stdexcept>

#include "base/text.h"

namespace tidewatch {
namespace {

constexpr std::int64_t day_ns = 86'400'000'000'000;
constexpr std::uint8_t monday_to_friday = 0b0011111;
constexpr unsigned monday = 0, thursday = 3, saturday = 5, sunday = 6;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// The n-th (1-based) such weekday of a month.
CivilDay nth_weekday(std::int32_t year, std::uint32_t month, unsigned which, unsigned n) {
  const CivilDay first = to_day({year, month, 1});
  return first + static_cast<CivilDay>((which + 7 - weekday(first)) % 7 + 7 * (n - 1));
}

// Gregorian Easter Sunday: the century corrections of Lilius and Clavius, as arithmetic.
CivilDay easter(std::int32_t year) {
  const std::int32_t golden = year % 19;
  const std::int32_t century = year / 100;
  const std::int32_t solar = century - century / 4;
  const std::int32_t lunar = (8 * century + 13) / 25;
  std::int32_t moon = (19 * golden + solar - lunar + 15) % 30;  // days from 21 March to the paschal full moon
  if (moon == 29 || (moon == 28 && golden > 10)) --moon;
  const CivilDay full_moon = to_day({year, 3, 21}) + moon;
  return full_moon + static_cast<CivilDay>(7 - (weekday(full_moon) + 1) % 7);  // the Sunday after it
}

// Saturday holidays close the Friday before, Sunday ones the Monday after.
CivilDay observed(CivilDay day) {
  if (weekday(day) == saturday) return day - 1;
  if (weekday(day) == sunday) return day + 1;
  return day;
}

std::vector<CivilDay> new_york_closings() {
  std::vector<CivilDay> days;
  for (std::int32_t year = 1999; year <= 2030; ++year) {
    // New Year on a Saturday is not made up for: that Friday ends the accounting year.
    const CivilDay new_year = to_day({year, 1, 1});
    if (weekday(new_year) != saturday) days.push_back(observed(new_year));
    days.push_back(nth_weekday(year, 1, monday, 3));  // Martin Luther King
    days.push_back(nth_weekday(year, 2, monday, 3));  // Washington's birthday
    days.push_back(easter(year) - 2);                 // Good Friday
    const CivilDay last_of_may = to_day({year, 5, 31});
    days.push_back(last_of_may - static_cast<CivilDay>(weekday(last_of_may)));  // Memorial Day: the last Monday
    if (year >= 2022) days.push_back(observed(to_day({year, 6, 19})));          // Juneteenth
    days.push_back(observed(to_day({year, 7, 4})));
    days.push_back(nth_weekday(year, 9, monday, 1));     // Labor Day
    days.push_back(nth_weekday(year, 11, thursday, 4));  // Thanksgiving
    days.push_back(observed(to_day({year, 12, 25})));
  }
  constexpr CivilDate special[] = {
      {2001, 9, 11},  {2001, 9, 12},  {2001, 9, 13}, {2001, 9, 14},  // the attacks
      {2004, 6, 11},                                                 // mourning for President Reagan
      {2007, 1, 2},                                                  // President Ford
      {2012, 10, 29}, {2012, 10, 30},                                // Hurricane Sandy
      {2018, 12, 5},                                                 // President Bush
      {2025, 1, 9},                                                  // President Carter
  };
  for (const CivilDate date : special) days.push_back(to_day(date));
  return days;
}

const date::time_zone* find_zone(std::string_view name) {
  try {
    return date::locate_zone(name);
  } catch (const std::runtime_error&) {
    return nullptr;  // locate_zone's only way to say "unknown", or that the database cannot be read
  }
}

// Business days in [1970-01-01, day), negative before the epoch: differences of it count any range in O(log n).
std::int64_t business_days_before(std::int64_t day, std::uint8_t mask, const std::vector<CivilDay>& holidays) {
  const std::int64_t from_monday = day + 3;  // 1969-12-29 was a Monday
  const std::int64_t weeks = floor_div(from_monday, 7);
  const auto partial = static_cast<unsigned>(from_monday - weeks * 7);
  const auto in_partial = std::popcount(static_cast<std::uint8_t>(mask & ((1u << partial) - 1)));
  const auto closed = std::lower_bound(holidays.begin(), holidays.end(), day) - holidays.begin();
  return weeks * std::popcount(mask) + in_partial - closed;
}

}  // namespace

CivilDate to_date(CivilDay day) {
  const date::year_month_day ymd{date::sys_days{date::days{day}}};
  return {static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day())};
}

CivilDay to_day(CivilDate date) {
  const date::year_month_day ymd{date::year{date.year}, date::month{date.month}, date::day{date.day}};
  return static_cast<CivilDay>(date::sys_days{ymd}.time_since_epoch().count());
}

unsigned weekday(CivilDay day) {
  const std::int64_t shifted = static_cast<std::int64_t>(day) + 3;
  return static_cast<unsigned>(shifted - floor_div(shifted, 7) * 7);
}

std::string format_day(CivilDay day) {
  const CivilDate d = to_date(day);
  if (d.year >= 0 && d.year <= 9999) {
    const auto digit = [](unsigned n) { return static_cast<char>('0' + n % 10); };
    const auto y = static_cast<unsigned>(d.year);
    const char text[] = {digit(y / 1000),     digit(y / 100), digit(y / 10), digit(y),          '-',
                         digit(d.month / 10), digit(d.month), '-',           digit(d.day / 10), digit(d.day)};
    return std::string(text, sizeof text);
  }
  char out[48];
  std::snprintf(out, sizeof out, "%04d-%02u-%02u", d.year, d.month, d.day);
  return out;
}

Done check_zone(std::string_view zone) {
  if (find_zone(zone)) return done();
  std::vector<std::string> names;
  try {
    for (const date::time_zone& known : date::get_tzdb().zones) names.push_back(known.name());
  } catch (const std::runtime_error& problem) {
    return io_error("the system's time zone database cannot be read (package tzdata): " + std::string(problem.what()));
  }
  // People write the city alone; its full name is what they need.
  std::vector<std::string> near = nearest_names(zone, names);
  std::string wanted(zone);
  for (char& c : wanted) {
    if (c == ' ') c = '_';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (const std::string& name : names) {
    std::string city = name.substr(name.find_last_of('/') + 1);
    std::transform(city.begin(), city.end(), city.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (city == wanted) {
      near.insert(near.begin(), name);
      break;
    }
  }
  const std::string hint = near.empty() ? "" : " (did you mean \"" + near.front() + "\"?)";
  return not_found("unknown time zone \"" + json_escape(zone.substr(0, 80)) + "\"" + hint +
                   "; expected an IANA name such as \"America/New_York\"");
}

CivilDay local_day(Instant t, std::string_view zone) {
  if (zone == "UTC") return static_cast<CivilDay>(floor_div(t.ns, day_ns));
  const date::time_zone* found = find_zone(zone);
  const std::int64_t whole = floor_div(t.ns, 1'000'000'000);
  std::int64_t offset = 0;
  if (found) offset = found->get_info(date::sys_seconds{std::chrono::seconds{whole}}).offset.count();
  return static_cast<CivilDay>(floor_div(whole + offset, 86'400));
}

Instant local_midnight(CivilDay day, std::string_view zone) {
  const Instant utc{static_cast<std::int64_t>(day) * day_ns};
  if (zone == "UTC") return utc;
  const date::time_zone* found = find_zone(zone);
  if (!found) return utc;
  const date::local_seconds local{std::chrono::seconds{static_cast<std::int64_t>(day) * 86'400}};
  const date::local_info info = found->get_info(local);
  if (info.result == date::local_info::nonexistent) {
    return Instant{info.second.begin.time_since_epoch().count() * 1'000'000'000};
  }
  return utc - seconds(info.first.offset.count());
}

Duration zone_offset(Instant t, std::string_view zone) {
  if (zone == "UTC") return {0};
  const date::time_zone* found = find_zone(zone);
  if (!found) return {0};
  const date::sys_seconds whole{std::chrono::seconds{floor_div(t.ns, 1'000'000'000)}};
  return seconds(found->get_info(whole).offset.count());
}

Result<Calendar> Calendar::named(std::string_view name) {
  if (name == "weekdays") return Calendar("weekdays", monday_to_friday, {});
  if (name == "every day") return Calendar("every day", 0x7f, {});
  if (name == "XNYS") return Calendar("XNYS", monday_to_friday, new_york_closings());
  const std::vector<std::string> known{"weekdays", "every day", "XNYS"};
  return not_found("unknown calendar \"" + json_escape(name.substr(0, 80)) + "\"" + did_you_mean(name, known) +
                   "; expected \"weekdays\", \"every day\" or \"XNYS\"");
}

Calendar::Calendar(std::string name, std::uint8_t weekday_mask, std::vector<CivilDay> holidays)
    : name_(std::move(name)), mask_(weekday_mask & 0x7f), holidays_(std::move(holidays)) {
  // Only closings of days that would be open count; the counting below subtracts them.
  holidays_.erase(std::remove_if(holidays_.begin(), holidays_.end(),
                                 [this](CivilDay day) { return ((mask_ >> weekday(day)) & 1) == 0; }),
                  holidays_.end());
  std::sort(holidays_.begin(), holidays_.end());
  holidays_.erase(std::unique(holidays_.begin(), holidays_.end()), holidays_.end());
}

bool Calendar::is_business_day(CivilDay day) const {
  return ((mask_ >> weekday(day)) & 1) != 0 && !std::binary_search(holidays_.begin(), holidays_.end(), day);
}

std::int64_t Calendar::business_days_between(CivilDay after, CivilDay before) const {
  if (before <= after) return 0;
  return business_days_before(before, mask_, holidays_) -
         business_days_before(static_cast<std::int64_t>(after) + 1, mask_, holidays_);
}

CivilDay Calendar::shift(CivilDay day, std::int64_t n) const {
  if (n == 0 || mask_ == 0) return day;
  // Bisect on the count: the answer lies where it has just reached n. Ends are those of CivilDay.
  std::int64_t low = std::numeric_limits<CivilDay>::min();
  std::int64_t high = std::numeric_limits<CivilDay>::max();
  const auto count = [this](std::int64_t d) { return business_days_before(d, mask_, holidays_); };
  if (n > 0) {
    const std::int64_t target = count(static_cast<std::int64_t>(day) + 1) + n;
    low = day;
    while (low < high) {  // the smallest d with count(d + 1) >= target
      const std::int64_t middle = low + (high - low) / 2;
      if (count(middle + 1) >= target) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return static_cast<CivilDay>(low);
  }
  const std::int64_t target = count(day) + n;
  high = day;
  while (low < high) {  // the largest d with count(d) <= target
    const std::int64_t middle = high - (high - low) / 2;
    if (count(middle) <= target) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return static_cast<CivilDay>(low);
}

}  // namespace tidewatch
