// The hand parser accepts only what it reads exactly like parse_instant would, and leaves the rest to it: a leap
// second, a local time in a zone with offsets, a year at the edge of the range.
#include "records/decode_time.h"

#include <cmath>

#include "base/time.h"

namespace tidewatch {

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t last_epoch_second =
    4'611'686'017;  // 2116: half of what int64 nanoseconds hold, as for written times
constexpr double milliseconds_from = 1e11;

// Two or four digits at s; negative when one is no digit.
int two(const char* s) {
  const unsigned a = static_cast<unsigned char>(s[0]) - '0', b = static_cast<unsigned char>(s[1]) - '0';
  return a < 10 && b < 10 ? static_cast<int>(a * 10 + b) : -1;
}

int four(const char* s) {
  const int a = two(s), b = two(s + 2);
  return a >= 0 && b >= 0 ? a * 100 + b : -1;
}

// Days from 1970-01-01 in the Gregorian calendar, counted in years that begin in March so that the leap day is last.
std::int64_t day_number(int year, int month, int day) {
  const int y = month <= 2 ? year - 1 : year;
  const int months_since_march = (month + 9) % 12;
  const int day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
  return 365LL * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

int days_in(int year, int month) {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

bool parse_common(std::string_view text, bool local_is_utc, std::int64_t& ns) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return false;
  const char* s = text.data();
  const int year = four(s), month = two(s + 5), day = two(s + 8);
  // Whole years inside the range in which differences of instants cannot overflow (see to_instant in base/time.cc).
  if (year < 1825 || year > 2115 || month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return false;
  std::int64_t at = day_number(year, month, day) * 86400;
  if (text.size() == 10) {
    ns = at * second_ns;
    return local_is_utc;
  }
  if (text.size() < 19 || (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) return false;
  if (text[13] != ':' || text[16] != ':') return false;
  const int hour = two(s + 11), minute = two(s + 14), second = two(s + 17);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  at += hour * 3600 + minute * 60 + second;
  std::size_t i = 19;
  std::int64_t fraction = 0;
  if (i < text.size() && text[i] == '.') {
    int digits = 0;
    for (++i; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, ++digits) {
      if (digits == 9) return false;
      fraction = fraction * 10 + (text[i] - '0');
    }
    if (digits == 0) return false;
    for (; digits < 9; ++digits) fraction *= 10;
  }
  if (i == text.size()) {
    ns = at * second_ns + fraction;
    return local_is_utc;
  }
  if (text[i] == 'Z' || text[i] == 'z') {
    ns = at * second_ns + fraction;
    return i + 1 == text.size();
  }
  if ((text[i] != '+' && text[i] != '-') || text.size() != i + 6 || text[i + 3] != ':') return false;
  const int offset_hours = two(s + i + 1), offset_minutes = two(s + i + 4);
  if (offset_hours < 0 || offset_hours > 18 || offset_minutes < 0 || offset_minutes > 59) return false;
  const int offset = offset_hours * 3600 + offset_minutes * 60;
  ns = (text[i] == '+' ? at - offset : at + offset) * second_ns + fraction;
  return true;
}

}  // namespace

bool parse_event_time(std::string_view text, std::string_view zone, std::int64_t& ns) {
  if (parse_common(text, zone == "UTC" || zone.empty(), ns)) return true;
  // Zone names are for people, not for records; looking for the nearest one would make bad rows dear.
  constexpr std::string_view letters = "0123456789-+:. TtZz";
  if (text.size() < 10 || text.size() > 40 || text.find_first_not_of(letters) != std::string_view::npos) return false;
  const Result<Instant> parsed = parse_instant(text, zone.empty() ? "UTC" : zone);
  if (!parsed) return false;
  ns = parsed->ns;
  return true;
}

bool epoch_to_ns(double value, std::int64_t& ns) {
  if (!std::isfinite(value)) return false;
  const bool is_milliseconds = std::abs(value) >= milliseconds_from;
  const std::int64_t unit_ns = is_milliseconds ? 1'000'000 : second_ns;
  const double limit = static_cast<double>(last_epoch_second) * (is_milliseconds ? 1000.0 : 1.0);
  if (std::abs(value) > limit) return false;
  // Whole and fraction apart: a product of doubles would lose the nanoseconds of any recent time.
  const double whole = std::floor(value);
  ns = static_cast<std::int64_t>(whole) * unit_ns + std::llround((value - whole) * static_cast<double>(unit_ns));
  return true;
}

bool epoch_to_ns(std::int64_t value, std::int64_t& ns) {
  const bool is_milliseconds = value >= 100'000'000'000 || value <= -100'000'000'000;
  const std::int64_t limit = is_milliseconds ? last_epoch_second * 1000 : last_epoch_second;
  if (value > limit || value < -limit) return false;
  ns = value * (is_milliseconds ? 1'000'000 : second_ns);
  return true;
}

}  // namespace tidewatch
