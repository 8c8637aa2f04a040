// Local dates, zones and business days. Zones come from the system's IANA database through Hinnant's tz; calendars
// are data (holidays are a list), so a calendar is exact only within its stated years.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tidewatch {

using CivilDay = std::int32_t;  // days since 1970-01-01, a local date

struct CivilDate {
  std::int32_t year = 1970;
  std::uint32_t month = 1, day = 1;
};

CivilDate to_date(CivilDay day);
CivilDay to_day(CivilDate date);
unsigned weekday(CivilDay day);        // 0 = Monday .. 6 = Sunday
std::string format_day(CivilDay day);  // "2026-03-02"

Done check_zone(std::string_view zone);                       // not_found with the nearest zone name
CivilDay local_day(Instant t, std::string_view zone);         // zone must have passed check_zone
Instant local_midnight(CivilDay day, std::string_view zone);  // first instant of the local date
Duration zone_offset(Instant t, std::string_view zone);       // local time less UTC; 0 for a zone nobody knows

// Business dates: a weekday mask less holidays. "weekdays" is Mon-Fri without holidays; "every day" all seven; "XNYS"
// are the New York Stock Exchange's full-day closings from its published rules, 1999-2030 (special closings included).
class Calendar {
 public:
  static Result<Calendar> named(std::string_view name);
  Calendar(std::string name, std::uint8_t weekday_mask, std::vector<CivilDay> holidays);

  const std::string& name() const { return name_; }
  bool is_business_day(CivilDay day) const;
  // Business days d with after < d < before (both exclusive). 0 when before <= after.
  std::int64_t business_days_between(CivilDay after, CivilDay before) const;
  // The n-th business day strictly after `day` (n >= 1), or the |n|-th strictly before (n <= -1).
  CivilDay shift(CivilDay day, std::int64_t n) const;

 private:
  std::string name_;
  std::uint8_t mask_;
  std::vector<CivilDay> holidays_;  // sorted
};

}  // namespace tidewatch
