// What Core holds, for the files that feed, evaluate, tell, schedule and save it. Nothing outside engine/core includes
// this. A file a step: core.cc takes the inputs, evaluate.cc judges, tell.cc says what changed, schedule.cc puts a
// monitor to sleep until something can change, bytes.cc is the checkpoint.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/core.h"
#include "core/script_units.h"

namespace tidewatch {

// A label set of a monitor with what the machine itself does not keep.
struct Entry {
  AlertInstance instance;
  std::uint64_t told = 0;  // notifications so far: part of their keys
  Instant last_data = far_past;
  Instant last_seen = far_past;
  std::optional<double> previous_value;
  std::string previous_text;
};

// An engine-health condition of a monitor: told once when it begins, once when it ends.
struct Health {
  bool is_active = false;
  Instant since = far_past;
  std::uint64_t told = 0;
};

struct MonitorRuntime {
  std::size_t spec = 0;
  Duration every{};
  InstanceRules rules;
  std::set<std::string> streams;
  std::vector<std::string> by;
  std::map<LabelSet, Entry> entries;
  Instant next_due = far_past;  // far_future = asleep until a feed
  Instant last_evaluated = far_past;
  Health error, overflow;
  // The first label set whose call was put off, judged first next time; and since when no call of it was made.
  std::optional<LabelSet> missed_from;
  Instant missed_since = far_past;
  std::string fingerprint;  // what the author wrote; a difference at restore is an edit
};

// The handles a condition compares besides the monitor's own value.
void collect_condition_inputs(const Condition& c, std::vector<int>& out);
// What the author wrote of a monitor, a line a field, and the fields whose line differs, in the order of the new text.
std::string fingerprint_of(const MonitorSpec& m, const std::vector<HandleSpec>& handles);
std::string edited_fields(const std::string& before, const std::string& after);
std::vector<std::pair<std::string, std::string>> render_annotations(const MonitorSpec& m, const LabelSet& by,
                                                                    Severity severity, std::optional<Instant> since,
                                                                    const Reading& reading);

struct Core::State {
  PackSpec pack;
  std::unique_ptr<MetricEngine> metrics;
  std::unique_ptr<ScriptUnits> scripts;
  std::map<std::string, Health> where_errors;  // by unit
  std::vector<MonitorRuntime> monitors;        // ordered by id
  Instant now = far_past;
  CoreCounters counters;
  EvaluationObserver* observer = nullptr;
  struct Removed {
    std::string monitor, reason;
    LabelSet labels;
    Entry entry;
  };
  std::vector<Removed> removed;        // found at restore; ended at the next tick
  std::vector<JournalRow> edits;       // likewise journaled
  std::vector<SeriesReading> scratch;  // reused
  struct Learning {
    std::vector<Batch> rows;
    bool is_sealed = false;
  };
  std::map<std::string, Learning> baselines;  // pinned spans

  const MonitorSpec& spec(const MonitorRuntime& m) const { return pack.monitors[m.spec]; }

  std::vector<int> handles_of(const MonitorSpec& m) const;

  void by_of(int handle, std::vector<std::string>& out) const;

  void set_up();

  // --- baselines -----------------------------------------------------------------------------------------------

  void learn(std::string_view stream, const Batch& batch);

  // --- telling -------------------------------------------------------------------------------------------------

  std::string rule_text(const MonitorSpec& m, Severity s) const;

  void journal(const MonitorSpec& m, const LabelSet& labels, const Transition& t, const Reading& reading,
               CoreOutput& out);

  void notify(const MonitorSpec& m, const std::string& event, const LabelSet& labels, Severity severity,
              const std::string& reason, Instant at, Instant active_at, Instant fired_at, std::uint64_t& told,
              const Reading& reading, CoreOutput& out);

  void tell(const MonitorSpec& m, const LabelSet& labels, Entry& e, const std::vector<Transition>& transitions,
            CoreOutput& out);

  void health(const MonitorSpec& m, const std::string& suffix, Health& h, bool is_active, const std::string& reason,
              Instant at, CoreOutput& out, const ScriptUnit* unit = nullptr);

  // Quarantines and their ends; failing `where` functions, which have no monitor to say it.
  void tell_scripts(CoreOutput& out);

  // --- evaluating ----------------------------------------------------------------------------------------------

  void apply(MonitorRuntime& run, const LabelSet& labels, Observation seen, Instant at, CoreOutput& out);

  bool has_room(MonitorRuntime& run, const LabelSet& labels, std::uint64_t& refused);

  void evaluate_value(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out);

  // Label sets that were there and are not: without data each by itself; all of them together under policy "alert".
  void absent_series(MonitorRuntime& run, const std::set<LabelSet>& seen_labels, bool any_data, Instant at,
                     CoreOutput& out);

  void evaluate_judge(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out);

  void evaluate(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out);

  void forget(MonitorRuntime& run, Instant at, CoreOutput& out);

  // When the monitor must be looked at again: at its interval while time can change anything, else when fed.
  void schedule(MonitorRuntime& run);

  static bool has_absent(const Condition& c);
  // absent() changes with time alone, at an instant only the data knows: such a monitor never sleeps.
  static bool has_absent(const MonitorSpec& m);

  void settle_restore(CoreOutput& out);
};

}  // namespace tidewatch
