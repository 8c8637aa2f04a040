// Durations and instants as people write them. Everything is integer arithmetic, so "0.1s" is exactly 100 ms and a
// count too large is refused instead of wrapping. Local times go through the zone database once, here; decided
// against strptime and std::chrono::parse, which are locale-dependent and say nothing useful about a mistake.
#include "base/time.h"

#include <date/tz.h>

#include <array>
#include <charconv>
#include <stdexcept>
#include <vector>

#include "base/calendar.h"
#include "base/text.h"

namespace tidewatch {
namespace {

using Wide = __int128;

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t day_ns = 86'400 * second_ns;

// The first name of each size is the one format_duration writes.
constexpr std::array<Unit, 19> units{{{"d", day_ns},
                                      {"h", 3'600 * second_ns},
                                      {"m", 60 * second_ns},
                                      {"s", second_ns},
                                      {"ms", 1'000'000},
                                      {"us", 1'000},
                                      {"ns", 1},
                                      {"w", 7 * day_ns},
                                      {"second", second_ns},
                                      {"seconds", second_ns},
                                      {"minute", 60 * second_ns},
                                      {"minutes", 60 * second_ns},
                                      {"min", 60 * second_ns},
                                      {"hour", 3'600 * second_ns},
                                      {"hours", 3'600 * second_ns},
                                      {"day", day_ns},
                                      {"days", day_ns},
                                      {"week", 7 * day_ns},
                                      {"weeks", 7 * day_ns}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string quoted(std::string_view s) { return "\"" + json_escape(s.substr(0, 80)) + "\""; }

Error bad_duration(std::string_view text, const std::string& why) {
  return invalid("duration " + quoted(text) + ": " + why);
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

// A cursor over the fields of a date: each read says whether exactly that was there.
struct Cursor {
  std::string_view s;
  std::size_t at = 0;

  bool end() const { return at == s.size(); }
  char peek() const { return end() ? '\0' : s[at]; }
  bool take(char c) { return !end() && s[at] == c ? (++at, true) : false; }
  bool digits(std::size_t n, std::int64_t& out) {
    if (s.size() - at < n) return false;
    out = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (!is_digit(s[at + i])) return false;
      out = out * 10 + (s[at + i] - '0');
    }
    at += n;
    return true;
  }
};

constexpr std::string_view expected_instant =
    "expected a date and time such as \"2026-03-02 22:00\", \"2026-03-02T22:00:00Z\", "
    "\"2026-03-02T22:00:00+01:00\" or \"2026-03-02 22:00 America/New_York\"";

Error bad_instant(std::string_view text, const std::string& why) {
  return invalid("time " + quoted(text) + ": " + why);
}

Result<Instant> to_instant(std::string_view text, Wide ns) {
  if (ns < INT64_MIN / 2 || ns > INT64_MAX / 2) {
    return bad_instant(text,
                       "is outside the years 1824 to 2116, the range in which differences of times cannot overflow");
  }
  return Instant{static_cast<std::int64_t>(ns)};
}

// The instant of a local wall-clock time: the first one after a gap, or the first of two.
Wide local_to_instant_ns(Wide local_ns, const date::time_zone& zone) {
  Wide whole = local_ns / second_ns;
  Wide rest = local_ns % second_ns;
  if (rest < 0) {
    rest += second_ns;
    --whole;
  }
  const date::local_seconds local{std::chrono::seconds{static_cast<std::int64_t>(whole)}};
  const date::local_info info = zone.get_info(local);
  if (info.result == date::local_info::nonexistent) {
    return static_cast<Wide>(info.second.begin.time_since_epoch().count()) * second_ns;
  }
  return (whole - info.first.offset.count()) * second_ns + rest;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const std::string_view all = trimmed(text);
  if (all.empty()) return bad_duration(text, "is empty; expected a count and a unit such as \"90s\" or \"1h 30m\"");
  if (all.front() == '-') return bad_duration(text, "is negative; expected a length of time such as \"90s\"");

  Wide total = 0;
  std::size_t i = 0;
  while (i < all.size()) {
    const std::size_t number_at = i;
    Wide count = 0;
    Wide scale = 1;
    std::size_t digits = 0;
    bool point = false;
    for (; i < all.size() && (is_digit(all[i]) || (all[i] == '.' && !point)); ++i) {
      if (all[i] == '.') {
        point = true;
        continue;
      }
      if (++digits > 24) return bad_duration(text, "has a count of more than 24 digits");
      count = count * 10 + (all[i] - '0');
      if (point) scale *= 10;
    }
    if (digits == 0 || all[i - 1] == '.' || all[number_at] == '.') {
      return bad_duration(text, "expected a number at " + quoted(all.substr(number_at)) +
                                    ", then a unit (ns us ms s m h, seconds minutes hours days weeks)");
    }
    const std::string_view number = all.substr(number_at, i - number_at);
    while (i < all.size() && all[i] == ' ') ++i;
    const std::size_t unit_at = i;
    while (i < all.size() && is_letter(all[i])) ++i;
    const std::string_view name = all.substr(unit_at, i - unit_at);
    if (name.empty()) {
      return bad_duration(
          text, "the number " + std::string(number) + " has no unit (did you mean \"" + std::string(number) + "s\"?)");
    }
    const Unit* unit = nullptr;
    for (const Unit& u : units) {
      if (u.name == name) unit = &u;
    }
    if (!unit) {
      std::vector<std::string> names;
      for (const Unit& u : units) names.emplace_back(u.name);
      return bad_duration(text, "unknown unit " + quoted(name) + did_you_mean(name, names) +
                                    "; expected ns us ms s m h, seconds minutes hours days weeks");
    }
    const Wide scaled = count * unit->ns;
    if (scaled % scale != 0) return bad_duration(text, "is finer than one nanosecond");
    total += scaled / scale;
    if (total > INT64_MAX / 4) return bad_duration(text, "is longer than the 73 years a duration can hold");
    while (i < all.size() && all[i] == ' ') ++i;
  }
  return Duration{static_cast<std::int64_t>(total)};
}

std::string format_duration(Duration d) {
  if (d.ns == 0) return "0s";
  std::string out = d.ns < 0 ? "-" : "";
  // Negated as unsigned: INT64_MIN has no positive twin.
  auto rest = d.ns < 0 ? 0 - static_cast<std::uint64_t>(d.ns) : static_cast<std::uint64_t>(d.ns);
  bool first = true;
  for (std::size_t i = 0; i < 7; ++i) {
    const auto size = static_cast<std::uint64_t>(units[i].ns);
    const std::uint64_t n = rest / size;
    rest %= size;
    if (n == 0) continue;
    if (!first) out += ' ';
    first = false;
    out += std::to_string(n);
    out += units[i].name;
  }
  return out;
}

Result<Instant> parse_instant(std::string_view text, std::string_view zone) {
  const std::string expected(expected_instant);
  Cursor c{trimmed(text)};
  std::int64_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, fraction_ns = 0;
  if (!c.digits(4, year) || !c.take('-') || !c.digits(2, month) || !c.take('-') || !c.digits(2, day)) {
    return bad_instant(text, expected);
  }
  const CivilDate date{static_cast<std::int32_t>(year), static_cast<std::uint32_t>(month),
                       static_cast<std::uint32_t>(day)};
  const date::year_month_day ymd{date::year{date.year}, date::month{date.month}, date::day{date.day}};
  if (!ymd.ok()) {
    return bad_instant(text, "there is no such date as " + std::string(c.s.substr(0, c.at)) + " in the calendar");
  }

  const bool has_time =
      (c.peek() == 'T' || c.peek() == 't' || c.peek() == ' ') && c.at + 1 < c.s.size() && is_digit(c.s[c.at + 1]);
  if (has_time) {
    ++c.at;
    if (!c.digits(2, hour) || !c.take(':') || !c.digits(2, minute)) return bad_instant(text, expected);
    if (c.take(':')) {
      if (!c.digits(2, second)) return bad_instant(text, expected);
      if (c.take('.')) {
        std::int64_t unit = second_ns;
        if (!is_digit(c.peek())) return bad_instant(text, expected);
        for (; is_digit(c.peek()); ++c.at) {
          unit /= 10;
          fraction_ns += unit * (c.peek() - '0');  // digits past the ninth are finer than is kept: dropped
        }
      }
    }
    if (hour > 23 || minute > 59 || second > 59) {
      return bad_instant(text, "expected a time of day from 00:00:00 to 23:59:59");
    }
  }
  const Wide wall_ns = static_cast<Wide>(to_day(date)) * day_ns +
                       static_cast<Wide>((hour * 60 + minute) * 60 + second) * second_ns + fraction_ns;

  const std::string_view rest = trimmed(c.s.substr(c.at));
  if (rest == "Z" || rest == "z") return to_instant(text, wall_ns);
  if (!rest.empty() && (rest.front() == '+' || rest.front() == '-')) {
    Cursor o{rest, 1};
    std::int64_t offset_hours = 0, offset_minutes = 0;
    if (!has_time || !o.digits(2, offset_hours) || (o.take(':'), !o.digits(2, offset_minutes)) || !o.end()) {
      return bad_instant(text, expected);
    }
    if (offset_hours > 18 || offset_minutes > 59) {
      return bad_instant(text, "expected an offset from -18:00 to +18:00, got " + quoted(rest));
    }
    const std::int64_t sign = rest.front() == '-' ? -1 : 1;
    return to_instant(text, wall_ns - static_cast<Wide>(sign * (offset_hours * 60 + offset_minutes) * 60) * second_ns);
  }
  // A zone name stands apart; "22:00Europe/Paris" is more likely a slip than a wish.
  if (!rest.empty() && c.peek() != ' ') return bad_instant(text, expected);
  const std::string_view name = rest.empty() ? zone : rest;
  if (name == "UTC") return to_instant(text, wall_ns);
  if (Done known = check_zone(name); !known) return known.error().within("time " + quoted(text));
  return to_instant(text, local_to_instant_ns(wall_ns, *date::locate_zone(name)));
}

std::string format_instant(Instant t) {
  std::int64_t day = t.ns / day_ns;
  std::int64_t in_day = t.ns % day_ns;
  if (in_day < 0) {
    in_day += day_ns;
    --day;
  }
  const std::int64_t whole = in_day / second_ns;
  const std::int64_t fraction = in_day % second_ns;
  std::string out = format_day(static_cast<CivilDay>(day));
  out.reserve(out.size() + 20);
  const auto two = [&](std::int64_t n, char before) {
    out += before;
    out += static_cast<char>('0' + n / 10);
    out += static_cast<char>('0' + n % 10);
  };
  two(whole / 3600, 'T');
  two(whole / 60 % 60, ':');
  two(whole % 60, ':');
  if (fraction != 0) {
    char digits[10] = {'.'};
    std::int64_t left = fraction;
    for (std::size_t i = 9; i > 0; --i, left /= 10) digits[i] = static_cast<char>('0' + left % 10);
    const std::size_t kept = fraction % 1'000'000 == 0 ? 4 : fraction % 1'000 == 0 ? 7 : 10;
    out.append(digits, kept);
  }
  out += 'Z';
  return out;
}

}  // namespace tidewatch
