// The alert state machine of one (monitor, label set): docs/reference/alert-states.md in code. Pure: what was
// observed and the instant go in, transitions come out. Exact counts equal Prometheus `for` and `keep_firing_for`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "metrics/shared_reading.h"
#include "monitors/flapping.h"
#include "monitors/monitor_spec.h"

namespace tidewatch {

enum class AlertState : std::uint8_t { ok, pending, firing, no_data, unknown };
std::string_view name_of(AlertState state);

// What one evaluation saw, already reduced to truths per severity.
struct Observation {
  enum class Kind : std::uint8_t { verdict, no_data, no_verdict, error };
  Kind kind = Kind::verdict;
  std::array<bool, 4> raw{};        // by Severity: the bare comparison is true now
  std::array<bool, 4> released{};   // `clear` given and passed (true when no `clear` is given and raw is false)
  std::array<bool, 4> has_clear{};  // whether `clear` was given
  // Kind::verdict only: severities whose condition had no verdict while another's had (conditions over several
  // readings). Their clocks stand still; the others are judged. `status` says why, "no_data" for a lack of data.
  std::array<bool, 4> unjudged{};
  std::string status;        // for no_verdict: "insufficient", "undefined", "immature", "unknown: fewer than 100 fills"
  bool saw_new_rows = true;  // times rings advance only then (arrival monitors); true for interval monitors
  SharedReading reading;     // evidence kept with the instance
  std::vector<ThresholdInForce> thresholds;  // of the conditions with false_alarms, in the order they were judged
};

struct Transition {
  Instant at;
  AlertState from, to;
  Severity severity_from = Severity::none, severity_to = Severity::none;
  std::string reason;  // the words of alerting.md 1.4
  bool notify =
      false;  // fired, severity raised or lowered, resolved, flapping started/ended: a person or channel may hear
  bool is_resolve = false;
};

// The part of a MonitorSpec the machine needs, with defaults filled in.
struct InstanceRules {
  std::array<std::optional<SeverityRule>, 4> rules;
  Duration every = seconds(1);
  Duration no_data_after = seconds(2);
  NoDataPolicy on_no_data = NoDataPolicy::no_data;
  bool flapping = true;
  // `every` is the spacing in force (the spec's own may be 0 = default of the value). A `when` monitor without
  // severities has all three, at once, so that any severity its function answers can be carried.
  static InstanceRules of(const MonitorSpec& spec, Duration every);
};

// Truths of a reading (and of the readings other members name) under the rules: the condition evaluator. The
// observation has no reading yet: the caller says which is the evidence, and puts the thresholds in force into it.
// `own` is the monitor's reading; `others[i]` that of handle i where a condition names one (nullptr = absent).
// `previous` is the last verdict's value, for changed().
struct ConditionInputs {
  const Reading* own = nullptr;
  std::vector<std::pair<int, const Reading*>> others;
  std::optional<double> previous_value;
  std::string_view previous_text;
  Instant now{};
  Instant last_data{};     // last instant with a reading that was not no_data, for absent()
  std::size_t series = 1;  // label sets the monitor judges: false_alarms are shared among them
  // Thresholds of the evaluation before: taken over while nothing they were made of has changed.
  const std::vector<ThresholdInForce>* before = nullptr;
};
Observation judge_condition(const std::array<std::optional<SeverityRule>, 4>& rules, const ConditionInputs& inputs);

// Lasts as long as its label set. Never fails; every method is a function of the calls before it and its arguments.
class AlertInstance {
 public:
  // Advances by one evaluation; appends what changed. Instants never go back. Time without a verdict never counts for
  // `lasting` or `keep_firing`; a missed evaluation is not told apart from a late one (an outage is: restarted()).
  // The very first call adds an ok -> ok row `first seen`.
  void observe(Instant now, const Observation& seen, const InstanceRules& rules, std::vector<Transition>& out);
  // The same, always by the rules in full. observe() steps over them when nothing runs and nothing is true, which is
  // nearly always; a test holds the two against each other.
  void observe_in_full(Instant now, const Observation& seen, const InstanceRules& rules, std::vector<Transition>& out);
  // An outage of the engine, `down` long and ending at `now`: all clocks shift by it; a pending alert starts over after
  // an outage above 1 h; a firing one is held until its first verdict. The next evaluation must not be skipped. `what`
  // is the beginning of the reason, `down` its end.
  void restarted(Instant now, Duration down, std::vector<Transition>& out, std::string_view what = "restarted, down ");
  // The monitor or the label set is gone; a firing alert resolves with this reason. Nothing is said of an ok one.
  void end(Instant now, const std::string& reason, std::vector<Transition>& out);
  // The next instant at which observing the same again could change the state (lasting, keep_firing, no_data_after,
  // the end of flapping), or far_future; `now` itself when that evaluation is overdue. Conditions that time alone turns
  // (`absent`) change the observation itself and are the caller's to know.
  Instant next_deadline(Instant now, const InstanceRules& rules) const;
  // True when observing the same again before next_deadline() would change nothing at all: such evaluations may be
  // skipped. An edit of the rules ends it: evaluate once.
  bool is_settled(const InstanceRules& rules) const;

  AlertState state() const { return state_; }
  Severity severity() const { return severity_; }  // none unless firing
  Severity peak() const { return peak_; }          // of this alert, or of the one that ended last
  // These stay after the end, for re-sending, until the next alert begins.
  std::optional<Instant> active_at() const { return active_at_; }
  std::optional<Instant> fired_at() const { return fired_at_; }
  std::optional<Instant> severity_at() const { return severity_at_; }
  std::optional<Instant> resolved_at() const { return resolved_at_; }
  std::optional<Instant> keep_since() const { return keep_since_; }
  const std::string& held() const {
    return held_;
  }  // "" or "held: no data" | "held: <status>" | "held: error" | "held: restarted"
  bool is_flapping() const { return flapping_.is_on(); }
  // Of the last evaluation; while firing, of the last verdict.
  const Reading& last_reading() const { return *last_reading_; }

  void write(ByteWriter& out) const;
  Done read(ByteReader& in);

 private:
  using Flags = std::array<bool, 4>;
  struct Verdict;  // the truths of one evaluation, by severity

  void say(Instant now, AlertState from, Severity severity_from, std::string reason, bool notify,
           std::vector<Transition>& out);
  void stop_clock(std::size_t severity, Instant now);
  void run_clock(std::size_t severity, Instant now);
  void without_verdict(Instant now, const Observation& seen, const InstanceRules& rules, std::vector<Transition>& out);
  Verdict take_truths(Instant now, const Observation& seen, const InstanceRules& rules, bool missing_is_false);
  void while_firing(Instant now, const Verdict& verdict, const Observation& seen, const InstanceRules& rules,
                    std::vector<Transition>& out);
  void while_calm(Instant now, const Verdict& verdict, const std::string& status, const InstanceRules& rules,
                  std::vector<Transition>& out);
  bool stays_calm(const Observation& seen, const InstanceRules& rules) const;
  bool has_nothing_running() const;
  void update_flapping(Instant now, const InstanceRules& rules, Severity level_before, Severity peak_before,
                       std::size_t first_row, std::vector<Transition>& out);
  void fire(Instant now, Severity severity);
  void finish(Instant now);

  AlertState state_ = AlertState::ok;
  Severity severity_ = Severity::none, peak_ = Severity::none;
  std::optional<Instant> active_at_, fired_at_, severity_at_, keep_since_, resolved_at_;
  std::array<std::optional<Instant>, 4> since_;          // first of the unbroken run of raw true, gaps taken out
  std::array<std::optional<Instant>, 4> stopped_since_;  // the clock of that severity stands still since
  std::array<std::vector<std::uint8_t>, 4> rings_;       // newest last
  std::optional<Instant> no_verdict_since_;
  std::optional<Instant> last_observed_;  // empty: the next evaluation may not be skipped
  std::string held_;
  Flapping flapping_;
  Severity flapping_peak_ = Severity::none;  // the worst that was told before or while it flaps
  bool seen_ = false;
  bool is_calm_ = false;  // ok, and no clock, ring or gap is anything but empty; see stays_calm()
  SharedReading last_reading_;
};

}  // namespace tidewatch
