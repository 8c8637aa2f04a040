// A monitor as data: what it reads, what must hold for each severity, and what to do without a verdict.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "metrics/chance.h"

namespace tidewatch {

enum class Severity : std::uint8_t { none = 0, info = 1, warning = 2, critical = 3 };
std::string_view name_of(Severity severity);

// One comparison, or a join of conditions. All comparisons are strict.
struct Condition {
  enum class Kind : std::uint8_t { above, below, outside, equals, changed, absent, any_of, all_of };
  Kind kind = Kind::above;
  double low = 0, high = 0;  // above: high. below: low. outside: both. equals: low
  std::string text;          // equals with a text
  std::optional<double> clear_low,
      clear_high;   // hysteresis: above: v < clear_high releases. below: v > clear_low. outside: both
  Duration span{};  // absent "5m"
  std::optional<FalseAlarms> false_alarms;  // above, below, outside: at least as far as chance goes that often
  int input = -1;                           // handle judged instead of the monitor's own value (rises, drops); -1 = own
  std::vector<Condition> members;           // any_of, all_of

  std::string describe() const;  // above(25, {clear = 20})
};

// A severity's rule: the condition and how long or how often it must hold.
struct SeverityRule {
  Condition condition;
  Duration lasting{0};
  std::uint32_t times = 0, times_of = 0;  // 0 = not given; times_of defaults to times
  Duration keep_firing{0};
  std::string describe() const;  // above(25):lasting "2m"
};

enum class NoDataPolicy : std::uint8_t { no_data, ok, keep, alert };

struct MonitorSpec {
  std::string id;  // pack/name
  std::string pack, name;
  std::string was;  // former name whose state moves here
  std::string layer, team, runbook;
  int value = -1;                                             // handle; or
  int judge = -1;                                             // a Lua `when`: index into PackSpec's functions
  std::vector<std::pair<std::string, std::uint32_t>> inputs;  // of `when`: name -> handle
  std::array<std::optional<SeverityRule>, 4> rules;           // by Severity; [0] unused
  Duration every{0};                                          // 0 = default of the value
  bool on_arrival = false;
  NoDataPolicy on_no_data = NoDataPolicy::no_data;
  std::optional<Duration> no_data_after;  // default 2 x every
  std::uint32_t limit = 1000;
  bool flapping = true;
  Duration forget_after = days(7);
  std::vector<std::pair<std::string, std::string>> labels, annotations;
  std::string file;
  int line = 0;
};

}  // namespace tidewatch
