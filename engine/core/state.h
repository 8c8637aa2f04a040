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
  std::uint64_t round = 0;  // the evaluation of the monitor that judged it last
  std::uint32_t mark = 0;   // the observer's
  Quietness quietness;
};

// What one evaluation found about all its label sets together, gathered while it judges them: what sleeping and
// forgetting would else have to ask each of them again.
struct Found {
  std::size_t judged = 0;  // label sets, each counted once
  bool is_whole = true;    // false: one was judged twice or is gone, ask again
  bool is_settled = true;
  Instant deadline = far_future;
  Instant oldest_seen = far_future;  // least last_seen of those that can be forgotten
};

// Which entry each row of the value has, and which row of another handle belongs to it; looked up once for as long as
// no label set comes or goes.
struct Plan {
  static constexpr std::size_t none = SIZE_MAX;
  std::uint64_t generation = 0;  // of the value's rows; 0 = not made
  std::vector<Entry*> entries;   // by row; null = not looked up
  struct Other {
    HandleId handle = 0;
    std::uint64_t generation = 0;
    std::vector<std::size_t> rows;  // by row of the value
  };
  std::vector<Other> others;
};

// The label sets of a function's inputs, and the row of each input that belongs to each.
struct InputPlan {
  std::uint64_t generation = 0;  // sum over the inputs
  std::vector<LabelSet> sets;
  std::vector<std::size_t> rows;  // sets x inputs, Plan::none = missing
  std::vector<Entry*> entries;    // by set
};

// An engine-health condition of a monitor: told once when it begins, once when it ends.
struct Health {
  bool is_active = false;
  Instant since = far_past;
  std::uint64_t told = 0;
};

// What an evaluation and a look at the clock need stands first: thousands of monitors are judged in turn.
struct MonitorRuntime {
  Instant next_due = far_past;  // far_future = asleep until a feed
  Instant last_evaluated = far_past;
  Duration every{};
  std::size_t spec = 0;
  int value = -1, judge = -1;  // those of the spec, which lies elsewhere
  bool on_arrival = false;
  std::uint64_t round = 0;
  std::map<LabelSet, Entry> entries;
  Found found;
  bool has_absent = false, is_grouped = false, reads_join = false;
  Plan plan;
  std::vector<HandleId> handles;             // all it reads
  std::vector<std::size_t> streams;          // indices into PackSpec::streams, ascending
  std::vector<std::uint8_t> waits_for_rows;  // by stream above: stands in State::sleepers
  InstanceRules rules;
  Health error, overflow, evicted;
  // The first label set whose call was put off, judged first next time; and since when no call of it was made.
  std::optional<LabelSet> missed_from;
  Instant missed_since = far_past;
  InputPlan input_plan;
  std::vector<HandleId> others;  // those its conditions compare besides the value
  std::vector<std::string> by;
  std::string fingerprint;  // what the author wrote; a difference at restore is an edit
};

// The handles a condition compares besides the monitor's own value.
void collect_condition_inputs(const Condition& c, std::vector<HandleId>& out);
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
  bool is_plain = false;
  struct Removed {
    std::string monitor, reason;
    LabelSet labels;
    Entry entry;
  };
  std::vector<Removed> removed;   // found at restore; ended at the next tick
  std::vector<JournalRow> edits;  // likewise journaled
  // Monitors by due instant. Those whose instant has moved since are still there and skipped.
  std::map<Instant, std::vector<std::uint32_t>> due;
  // By stream: monitors judged on arrival, and those that were scheduled since its last rows and are woken by the next.
  std::vector<std::vector<std::uint32_t>> on_arrival, sleepers;
  // Reused between evaluations.
  std::vector<std::uint32_t> due_now;
  std::vector<Transition> moves;
  ConditionInputs condition_inputs;
  std::vector<SharedReading> held;
  std::vector<std::vector<SharedReading>> read_inputs;
  std::vector<std::pair<std::string_view, const Reading*>> judge_inputs;

  const MonitorSpec& spec(const MonitorRuntime& m) const { return pack.monitors[m.spec]; }

  static std::vector<HandleId> handles_of(const MonitorSpec& m);

  void by_of(int handle, std::vector<std::string>& out) const;

  void set_up();

  void take_learnt(CoreOutput& out);

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

  Entry& entry_of(MonitorRuntime& run, const LabelSet& labels);
  // The entry of a label set, made when there is room; null when it is refused.
  Entry* entry_if_room(MonitorRuntime& run, const LabelSet& labels);
  void apply(MonitorRuntime& run, const LabelSet& labels, Entry& e, const Observation& seen, Instant at,
             CoreOutput& out);
  void tell_overflow(MonitorRuntime& run, std::uint64_t refused, Instant at, CoreOutput& out);

  void plan_others(MonitorRuntime& run, const MetricEngine::Rows& rows);
  void plan_inputs(MonitorRuntime& run);
  void evaluate_value(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out);

  // Label sets that were there and are not: without data each by itself; all of them together under policy "alert".
  void absent_series(MonitorRuntime& run, bool any_data, Instant at, CoreOutput& out);

  void evaluate_judge(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out);

  // A join below the monitor lets predictions go before their labels have had their time.
  void tell_evicted(MonitorRuntime& run, Instant at, CoreOutput& out);

  void evaluate(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out);

  void forget(MonitorRuntime& run, Instant at, CoreOutput& out);

  // When the monitor must be looked at again: at its interval while time can change anything, else when fed.
  void schedule(MonitorRuntime& run);
  void set_due(MonitorRuntime& run, Instant at);
  void set_all_due_again();  // after next_due was written over
  std::uint32_t index_of(const MonitorRuntime& run) const { return static_cast<std::uint32_t>(&run - monitors.data()); }
  // Rows of the stream came: brings forward what sleeps past its next interval.
  void wake(MonitorRuntime& run);
  std::optional<std::size_t> stream_index(std::string_view name) const;

  static bool has_absent(const Condition& c);
  // absent() changes with time alone, at an instant only the data knows: such a monitor never sleeps.
  static bool has_absent(const MonitorSpec& m);

  void settle_restore(CoreOutput& out);
};

}  // namespace tidewatch
