// The deterministic whole: batches, ticks and answers in; journal rows, effects and counters out. It reads no clock,
// socket or random device, so live, backtest, test and recovery are this same code, bit for bit.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/pack.h"
#include "metrics/metric_engine.h"
#include "monitors/alert_instance.h"
#include "monitors/judge.h"

namespace tidewatch {

struct JournalRow {
  Instant at;
  std::string monitor;  // id: pack/name
  LabelSet labels;
  std::string kind;  // "transition" "flapping" "overflow" "evicted" "restart" "script_error" "script_quarantine"
  std::string from, to, severity_from, severity_to, reason;
  std::string evidence;  // JSON: value, n, nulls, excluded, status, window, threshold
};

// One message for one notifier, keyed so that a crash between sending and noting it sends the same key again.
struct Notification {
  Instant at;
  std::string notifier;
  std::string key;    // monitor | labels | active_at | transition count: equal in every run of the same inputs
  std::string event;  // "firing" "severity" "resolved" "flapping" "unknown"
  std::string monitor, pack;
  LabelSet labels;  // wire labels
  Severity severity = Severity::none;
  std::string reason;
  Instant active_at, fired_at;
  std::vector<std::pair<std::string, std::string>> annotations;  // rendered
  Reading reading;
};

// Every evaluated value, for backtest reports; called only when set. `mark` is the observer's to set: it stays with the
// alert, starts at 0 and is 0 again when a label set that was forgotten comes back.
class EvaluationObserver {
 public:
  virtual ~EvaluationObserver() = default;
  virtual void evaluated(const MonitorSpec& monitor, const LabelSet& labels, Instant at, const Observation& seen,
                         const AlertInstance& alert, std::uint32_t& mark) = 0;
};

// Which rules of a label set were ever false: one that never was tells nobody anything.
struct Quietness {
  static constexpr std::uint64_t least_verdicts = 20;  // fewer say nothing yet
  std::uint64_t verdicts = 0;
  Instant first = far_past;    // verdict
  std::uint8_t was_quiet = 0;  // bits by severity
  void take(const Observation& seen, Instant at) {
    if (seen.kind != Observation::Kind::verdict) return;
    if (verdicts++ == 0) first = at;
    for (std::size_t s = 1; s < 4; ++s)
      if (!seen.unjudged[s] && !seen.raw[s]) was_quiet = static_cast<std::uint8_t>(was_quiet | 1u << s);
  }
  // The severities whose rule was true at every verdict, worst first.
  std::vector<Severity> never_quiet(const std::array<std::optional<SeverityRule>, 4>& rules) const {
    std::vector<Severity> out;
    for (std::size_t s = 3; s >= 1 && verdicts >= least_verdicts; --s)
      if (rules[s] && (was_quiet >> s & 1) == 0) out.push_back(static_cast<Severity>(s));
    return out;
  }
};

// A rule that was true from its first verdict on.
struct NeverQuiet {
  std::string pack, monitor, rule;
  LabelSet labels;
  Severity severity;
  Instant since{};  // the first verdict
  std::uint64_t verdicts = 0;
  Reading reading;  // the newest
};

struct AlertView {
  std::string monitor, pack;
  LabelSet labels;
  AlertState state;
  Severity severity;
  std::optional<Instant> active_at, fired_at, keep_since;
  std::string held;
  Reading reading;
  std::vector<std::pair<std::string, std::string>> annotations;
};

struct CoreOutput {
  bool keeps_journal = true;  // false: transitions are not written down, for who only counts and notifies
  std::vector<JournalRow> journal;
  std::vector<Notification> notifications;
  std::vector<MetricEngine::LearntBaseline> baselines;  // pinned spans that have passed: to be kept
};

struct CoreCounters {
  std::uint64_t evaluations = 0, missed = 0, batches = 0, ticks = 0, script_errors = 0;
};

class Core {
 public:
  // `judge` and `predicates` are borrowed for the core's life; either may be null when no pack uses functions.
  static Result<std::unique_ptr<Core>> create(PackSpec pack, Judge* judge, RowPredicate* predicates,
                                              std::vector<MetricEngine::Problem>* problems = nullptr);
  ~Core();

  const PackSpec& pack() const;

  // Gives a baseline its rows, from a file or from history that already lies there; then seal. A pinned span that is
  // never given is learnt: rows of its stream inside the span are kept as they are fed, and it is sealed when the
  // stream has passed its end.
  void baseline_rows(const std::string& baseline, const Batch& batch);
  void baseline_seal(const std::string& baseline);
  MetricEngine& metrics();

  // One input each; appends to `out`. `now` never goes back (an earlier instant is taken as the latest seen).
  // Arrival monitors that read the stream are judged at once.
  std::vector<Rejected> feed(std::string_view stream, std::string_view source, const Batch& batch, Instant now,
                             CoreOutput& out, bool check_future = true);
  // Evaluates what is due at or before `now`, each monitor once and in the order of their ids, at its newest due
  // instant; older ones are counted missed.
  void tick(Instant now, CoreOutput& out);
  // Nobody listened since the last input: the engine was down, or alive but asleep (a suspended machine, a clock set
  // forward). Clocks shift by that time, firing is held until its first verdict, nothing counts as idle or absent for
  // it. A sleep is told from a slow tick by its length: three intervals of a monitor, 10 s at least.
  enum class Outage : std::uint8_t { restart, sleep };
  void restarted(Instant now, CoreOutput& out, Outage outage = Outage::restart);
  // The next instant at which tick() could do anything; far_future when only a feed can.
  Instant next_due() const;
  // True when a monitor of `stream` is judged on arrival (the backtest then feeds one event time a batch).
  bool judges_on_arrival(std::string_view stream) const;
  // How far apart in event time rows of `stream` may lie and still be fed as one batch without a monitor seeing the
  // difference: 0 = one event time a batch (a monitor judges on arrival), else the finest interval, at most a day.
  Duration feed_span(std::string_view stream) const;

  // Nothing of the pack's scripts is called before a trial a minute later (later still when it was so already): the
  // process died inside them. Alerts stand.
  void quarantine_scripts(const std::string& why, Instant now);
  // A reload: everything may be called again.
  void release_scripts();
  std::size_t quarantined_scripts() const;

  std::vector<AlertView> alerts(bool active_only = true) const;
  // Alerts restored for monitors that this pack does not have, pending and firing: ended by the next tick.
  std::vector<AlertView> orphans() const;
  // A monitor's instances (empty labels when ungrouped); nullptr when unknown.
  const AlertInstance* instance(const std::string& monitor_name, const LabelSet& labels) const;
  std::vector<NeverQuiet> never_quiet() const;
  CoreCounters counters() const;
  Instant now() const;

  void observe(EvaluationObserver* observer);
  // Looks everything up anew at every evaluation instead of keeping plans and lists of who sleeps. The answers are the
  // same; tests hold the two against each other.
  void work_plainly();

  // Everything, keyed by names, so that an edited pack takes over what still exists: alerts of an edited monitor stay,
  // those of a removed one end with `monitor removed` at the next tick.
  void save(ByteWriter& out) const;
  Done restore(ByteReader& in);

 private:
  struct State;
  explicit Core(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
