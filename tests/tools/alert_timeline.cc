// Prints the states of one alert over a series, for differential tests against other alerting systems. One JSON case a
// line on stdin, one text a line on stdout, a letter a step: "." inactive, "P" pending, "F" firing. A value is a
// number, null (no sample at that step) or "stale" (the series ended); the value judged is the last one at most 300 s
// old, as Prometheus 2 looks back. A wrong line ends the program with status 1 and says which.
#include <simdjson.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "monitors/alert_instance.h"

namespace {

using namespace tidewatch;

constexpr std::int64_t lookback_s = 300;

// Throws simdjson::simdjson_error where the line is not a case.
std::string states_of(simdjson::dom::element line) {
  const std::string_view op = line["op"];
  const double threshold = line["threshold"];
  const std::int64_t step = line["step_s"];

  SeverityRule rule;
  rule.condition.kind = op == "<" ? Condition::Kind::below : Condition::Kind::above;
  rule.condition.low = rule.condition.high = threshold;
  rule.lasting = seconds(line["for_s"].get_int64());
  rule.keep_firing = seconds(line["keep_firing_for_s"].get_int64());
  InstanceRules rules;
  rules.rules[3] = rule;
  rules.every = seconds(step);
  rules.no_data_after = Duration{0};
  rules.on_no_data = NoDataPolicy::ok;

  AlertInstance alert;
  std::vector<Transition> rows;
  std::string out;
  std::optional<double> last;
  std::int64_t last_at = 0, now = 0;
  for (simdjson::dom::element value : line["values"].get_array()) {
    if (value.is_string()) {
      last.reset();
    } else if (!value.is_null()) {
      last = value.get_double();
      last_at = now;
    }
    Reading reading;
    if (last && now - last_at <= lookback_s) {
      reading.value = last;
      reading.status = Status::ok;
    }
    ConditionInputs inputs;
    inputs.own = &reading;
    alert.observe(Instant{} + seconds(now), judge_condition(rules.rules, inputs), rules, rows);
    out += alert.state() == AlertState::firing ? 'F' : alert.state() == AlertState::pending ? 'P' : '.';
    now += step;
  }
  return out;
}

}  // namespace

int main() {
  simdjson::dom::parser parser;
  std::string line;
  for (int number = 1; std::getline(std::cin, line); ++number) {
    try {
      std::puts(states_of(parser.parse(line)).c_str());
    } catch (const simdjson::simdjson_error& error) {
      std::fprintf(stderr, "line %d: expected {op, threshold, for_s, keep_firing_for_s, step_s, values}: %s\n", number,
                   error.what());
      return 1;
    }
  }
  return 0;
}
