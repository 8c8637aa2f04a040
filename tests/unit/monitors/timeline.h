// Drives one alert through a sequence of values and writes down one letter an evaluation, so that a whole life can be
// compared with a published table in one line: ok "o", pending "P", firing "I" "W" "C", no_data "n", unknown "u".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitors/alert_instance.h"

namespace tidewatch::test {

inline SeverityRule above(double threshold, std::optional<double> clear = std::nullopt) {
  SeverityRule rule;
  rule.condition.kind = Condition::Kind::above;
  rule.condition.high = threshold;
  rule.condition.clear_high = clear;
  return rule;
}

inline SeverityRule below(double threshold) {
  SeverityRule rule;
  rule.condition.kind = Condition::Kind::below;
  rule.condition.low = threshold;
  return rule;
}

inline SeverityRule lasting(SeverityRule rule, Duration length, Duration keep = Duration{0}) {
  rule.lasting = length;
  rule.keep_firing = keep;
  return rule;
}

inline SeverityRule times(SeverityRule rule, std::uint32_t n, std::uint32_t of = 0) {
  rule.times = n;
  rule.times_of = of;
  return rule;
}

// One severity (critical), no data is calm at once: a Prometheus rule.
inline InstanceRules like_prometheus(SeverityRule rule, Duration every) {
  InstanceRules out;
  out.rules[3] = std::move(rule);
  out.every = every;
  out.no_data_after = Duration{0};
  out.on_no_data = NoDataPolicy::ok;
  out.flapping = false;
  return out;
}

inline Reading reading_of(std::optional<double> value) {
  Reading out;
  out.value = value;
  out.status = value ? Status::ok : Status::no_data;
  out.n = value ? 1 : 0;
  return out;
}

inline Observation seen_value(const InstanceRules& rules, std::optional<double> value) {
  const Reading reading = reading_of(value);
  ConditionInputs inputs;
  inputs.own = &reading;
  Observation seen = judge_condition(rules.rules, inputs);
  seen.reading = SharedReading(reading);
  return seen;
}

inline Observation seen_status(Observation::Kind kind, std::string status = "") {
  Observation out;
  out.kind = kind;
  out.status = std::move(status);
  return out;
}

inline char letter_of(const AlertInstance& alert) {
  switch (alert.state()) {
    case AlertState::ok:
      return 'o';
    case AlertState::pending:
      return 'P';
    case AlertState::firing:
      return "?IWC"[static_cast<int>(alert.severity())];
    case AlertState::no_data:
      return 'n';
    case AlertState::unknown:
      return 'u';
  }
  return '?';
}

struct Timeline {
  InstanceRules rules;
  AlertInstance alert;
  std::vector<Transition> rows;
  Instant now{};

  // Evaluates at multiples of rules.every from the epoch; one letter each.
  std::string feed(const std::vector<std::optional<double>>& values) {
    std::string out;
    for (const auto& value : values) out += step(seen_value(rules, value));
    return out;
  }
  char step(const Observation& seen) {
    alert.observe(now, seen, rules, rows);
    now = now + rules.every;
    return letter_of(alert);
  }
  std::string reasons() const {
    std::string out;
    for (const Transition& row : rows) {
      if (row.reason != "first seen") out += (out.empty() ? "" : ", ") + row.reason;
    }
    return out;
  }
};

inline std::string bytes_of(const AlertInstance& alert) {
  ByteWriter out;
  alert.write(out);
  return out.take();
}

}  // namespace tidewatch::test
