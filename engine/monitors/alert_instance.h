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
#include "metrics/reading.h"
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
  std::string status;               // for no_verdict: "insufficient", "undefined", "immature", "unknown: fewer than 100 fills"
  bool saw_new_rows = true;         // times rings advance only then (arrival monitors); true for interval monitors
  Reading reading;                  // evidence kept with the instance
};

struct Transition {
  Instant at;
  AlertState from, to;
  Severity severity_from = Severity::none, severity_to = Severity::none;
  std::string reason;               // the words of alerting.md 1.4
  bool notify = false;              // fired, severity raised or lowered, resolved, flapping started/ended: a person or channel may hear
  bool is_resolve = false;
};

// The part of a MonitorSpec the machine needs, with defaults filled in.
struct InstanceRules {
  std::array<std::optional<SeverityRule>, 4> rules;
  Duration every = seconds(1);
  Duration no_data_after = seconds(2);
  NoDataPolicy on_no_data = NoDataPolicy::no_data;
  bool flapping = true;
  static InstanceRules of(const MonitorSpec& spec, Duration every);
};

// Truths of a reading (and of the readings other members name) under the rules: the condition evaluator.
// `own` is the monitor's reading; `others[i]` that of handle i where a condition names one (nullptr = absent).
// `previous` is the last verdict's value, for changed().
struct ConditionInputs {
  const Reading* own = nullptr;
  std::vector<std::pair<int, const Reading*>> others;
  std::optional<double> previous_value;
  std::string previous_text;
  Instant now{};
  Instant last_data{};   // last instant with a reading that was not no_data, for absent()
};
Observation judge_condition(const std::array<std::optional<SeverityRule>, 4>& rules, const ConditionInputs& inputs);

class AlertInstance {
 public:
  // Advances by one evaluation; appends what changed. `gap` time (missed evaluations, outage) never counts for lasting.
  void observe(Instant now, const Observation& seen, const InstanceRules& rules, std::vector<Transition>& out);
  // An outage of the engine: clocks of pending shift by `down`; pending older than an hour's outage starts over.
  void restarted(Instant now, Duration down, std::vector<Transition>& out);
  // The monitor or the label set is gone; a firing alert resolves with this reason.
  void end(Instant now, const std::string& reason, std::vector<Transition>& out);
  // The next instant at which an evaluation without new data could change the state (lasting, keep_firing, no_data),
  // or far_future. Used to put arrival monitors to sleep.
  Instant next_deadline(Instant now, const InstanceRules& rules) const;
  // True when observing the same thing again, later, would change nothing at all.
  bool is_settled(const InstanceRules& rules) const;

  AlertState state() const { return state_; }
  Severity severity() const { return severity_; }
  Severity peak() const { return peak_; }
  std::optional<Instant> active_at() const { return active_at_; }
  std::optional<Instant> fired_at() const { return fired_at_; }
  std::optional<Instant> resolved_at() const { return resolved_at_; }
  std::optional<Instant> keep_since() const { return keep_since_; }
  const std::string& held() const { return held_; }       // "" or "held: no data"
  bool is_flapping() const { return flapping_; }
  const Reading& last_reading() const { return last_reading_; }

  void write(ByteWriter& out) const;
  Done read(ByteReader& in);

 private:
  AlertState state_ = AlertState::ok;
  Severity severity_ = Severity::none, peak_ = Severity::none;
  std::optional<Instant> active_at_, fired_at_, severity_at_, keep_since_, resolved_at_;
  std::array<std::optional<Instant>, 4> since_;
  std::array<std::vector<std::uint8_t>, 4> rings_;   // newest last
  std::optional<Instant> no_verdict_since_, last_observed_;
  std::string held_;
  std::vector<std::uint8_t> flap_slots_;
  std::int64_t flap_slot_ = 0;
  bool flapping_ = false;
  bool seen_ = false;
  Reading last_reading_;
};

}  // namespace tidewatch
