#include "core.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "monitors/template.h"
#include "monitors/wire_labels.h"

namespace tidewatch {

namespace {

constexpr std::uint32_t checkpoint_version = 1;

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
  std::string fingerprint;  // what the author wrote; a difference at restore is an edit
};

std::string evidence_json(const Reading& r, const std::string& rule) {
  std::string out = "{";
  if (r.value) out += "\"value\":" + format_number(*r.value) + ",";
  if (!r.text.empty()) out += "\"text\":\"" + json_escape(r.text) + "\",";
  out += "\"n\":" + std::to_string(r.n) + ",\"nulls\":" + std::to_string(r.nulls) +
         ",\"excluded\":" + std::to_string(r.excluded) + ",\"status\":\"" + std::string(name_of(r.status)) + "\"";
  if (!r.reason.empty()) out += ",\"reason\":\"" + json_escape(r.reason) + "\"";
  if (r.to > r.from) out += ",\"from\":\"" + format_instant(r.from) + "\",\"to\":\"" + format_instant(r.to) + "\"";
  if (r.revision) out += ",\"revision\":" + std::to_string(r.revision);
  if (!r.baseline.empty())
    out += ",\"baseline\":\"" + json_escape(r.baseline) + "\",\"baseline_n\":" + std::to_string(r.baseline_n);
  if (!rule.empty()) out += ",\"rule\":\"" + json_escape(rule) + "\"";
  return out + "}";
}

std::string fingerprint_of(const MonitorSpec& m, const std::vector<HandleSpec>& handles) {
  std::string out;
  if (m.value >= 0) out += "value=" + describe(handles[static_cast<std::size_t>(m.value)], handles) + "\n";
  for (std::size_t s = 1; s < 4; ++s)
    if (m.rules[s]) out += std::string(name_of(static_cast<Severity>(s))) + "=" + m.rules[s]->describe() + "\n";
  out += "layer=" + m.layer + "\nteam=" + m.team + "\nrunbook=" + m.runbook + "\n";
  for (const auto& [k, v] : m.labels) out += "labels." + k + "=" + v + "\n";
  for (const auto& [k, v] : m.annotations) out += "annotations." + k + "=" + v + "\n";
  return out;
}

// The fields whose line differs, in the order of the new text.
std::string edited_fields(const std::string& before, const std::string& after) {
  const auto fields = [](const std::string& text) {
    std::map<std::string, std::string> out;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      const auto line = text.substr(at, end - at);
      out[line.substr(0, line.find('='))] = line;
      at = end + 1;
    }
    return out;
  };
  const auto old_fields = fields(before), new_fields = fields(after);
  std::set<std::string> changed;
  for (const auto& [name, line] : new_fields)
    if (!old_fields.contains(name) || old_fields.at(name) != line) changed.insert(name);
  for (const auto& [name, line] : old_fields)
    if (!new_fields.contains(name)) changed.insert(name);
  std::string out;
  for (const auto& name : changed) out += (out.empty() ? "" : ", ") + name;
  return out;
}

void collect_condition_inputs(const Condition& c, std::vector<int>& out) {
  if (c.input >= 0) out.push_back(c.input);
  for (const auto& m : c.members) collect_condition_inputs(m, out);
}

std::vector<std::pair<std::string, std::string>> render_annotations(const MonitorSpec& m, const LabelSet& by,
                                                                    Severity severity, std::optional<Instant> since,
                                                                    const Reading& reading) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, text] : m.annotations)
    out.emplace_back(name, render_template(text, {m, by, reading, severity, since}));
  return out;
}

void put_instant(ByteWriter& out, Instant t) { out.put(t.ns); }
Instant get_instant(ByteReader& in) { return {in.get<std::int64_t>()}; }

void write_health(ByteWriter& out, const Health& h) {
  out.put(static_cast<std::uint8_t>(h.is_active));
  put_instant(out, h.since);
  out.put(h.told);
}
void read_health(ByteReader& in, Health& h) {
  h.is_active = in.get<std::uint8_t>() != 0;
  h.since = get_instant(in);
  h.told = in.get<std::uint64_t>();
}

}  // namespace

struct Core::State {
  PackSpec pack;
  std::unique_ptr<MetricEngine> metrics;
  Judge* judge = nullptr;
  std::vector<MonitorRuntime> monitors;  // ordered by id
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

  std::vector<int> handles_of(const MonitorSpec& m) const {
    std::vector<int> out;
    if (m.value >= 0) out.push_back(m.value);
    for (const auto& [name, handle] : m.inputs) out.push_back(static_cast<int>(handle));
    for (const auto& rule : m.rules)
      if (rule) collect_condition_inputs(rule->condition, out);
    return out;
  }

  void by_of(int handle, std::vector<std::string>& out) const {
    const HandleSpec& h = pack.handles[static_cast<std::size_t>(handle)];
    for (const auto& b : h.metric.by) out.push_back(b);
    for (const auto& c : h.metric.columns)
      if (h.op == HandleSpec::Op::metric && (c == "*" || h.metric.columns.size() > 2)) out.push_back("column");
    for (const auto i : h.inputs) by_of(static_cast<int>(i), out);
  }

  void set_up() {
    for (std::size_t i = 0; i < pack.monitors.size(); ++i) {
      const MonitorSpec& m = pack.monitors[i];
      MonitorRuntime run;
      run.spec = i;
      const auto handles = handles_of(m);
      run.every = m.every;
      for (const int h : handles) {
        for (const auto& s : metrics->streams_of(static_cast<HandleId>(h))) run.streams.insert(s);
        by_of(h, run.by);
        if (m.every.ns == 0) {
          const Duration d = metrics->default_every(static_cast<HandleId>(h));
          run.every = run.every.ns == 0 ? d : std::min(run.every, d);
        }
      }
      if (run.every.ns <= 0) run.every = seconds(1);
      std::sort(run.by.begin(), run.by.end());
      run.by.erase(std::unique(run.by.begin(), run.by.end()), run.by.end());
      run.rules = InstanceRules::of(m, run.every);
      run.fingerprint = fingerprint_of(m, pack.handles);
      monitors.push_back(std::move(run));
    }
    std::sort(monitors.begin(), monitors.end(), [&](const auto& a, const auto& b) { return spec(a).id < spec(b).id; });
  }

  // --- baselines -----------------------------------------------------------------------------------------------

  void learn(std::string_view stream, const Batch& batch) {
    for (const auto& b : pack.baselines) {
      if (!b.has_span || b.stream != stream) continue;
      Learning& learning = baselines[b.name];
      if (learning.is_sealed) continue;
      std::vector<std::uint32_t> rows;
      Instant newest = far_past;
      for (std::uint32_t r = 0; r < batch.rows; ++r) {
        newest = std::max(newest, batch.time(r));
        if (batch.time(r) >= b.from && batch.time(r) < b.to) rows.push_back(r);
      }
      if (!rows.empty()) learning.rows.push_back(batch.pick(rows));
      if (newest < b.to || learning.rows.empty()) continue;
      for (const auto& part : learning.rows) metrics->baseline_rows(b.name, part);
      metrics->baseline_seal(b.name);
      learning = {{}, true};
    }
  }

  // --- telling -------------------------------------------------------------------------------------------------

  std::string rule_text(const MonitorSpec& m, Severity s) const {
    const auto& rule = m.rules[static_cast<std::size_t>(s)];
    return rule ? rule->describe() : std::string();
  }

  void journal(const MonitorSpec& m, const LabelSet& labels, const Transition& t, const Reading& reading,
               CoreOutput& out) {
    JournalRow row;
    row.at = t.at;
    row.monitor = m.id;
    row.labels = labels;
    row.kind = t.reason.rfind("flapping", 0) == 0 ? "flapping" : "transition";
    row.from = name_of(t.from);
    row.to = name_of(t.to);
    if (t.severity_from != Severity::none) row.severity_from = name_of(t.severity_from);
    if (t.severity_to != Severity::none) row.severity_to = name_of(t.severity_to);
    row.reason = t.reason;
    row.evidence =
        evidence_json(reading, rule_text(m, t.severity_to != Severity::none ? t.severity_to : t.severity_from));
    out.journal.push_back(std::move(row));
  }

  void notify(const MonitorSpec& m, const std::string& event, const LabelSet& labels, Severity severity,
              const std::string& reason, Instant at, Instant active_at, Instant fired_at, std::uint64_t& told,
              const Reading& reading, CoreOutput& out) {
    ++told;
    for (const auto& target : pack.notifiers) {
      if (severity < target.severity) continue;
      Notification n;
      n.at = at;
      n.notifier = target.name;
      n.event = event;
      n.monitor = m.id;
      n.pack = m.pack;
      n.labels = wire_labels(m, labels, severity);
      n.severity = severity;
      n.reason = reason;
      n.active_at = active_at;
      n.fired_at = fired_at;
      n.reading = reading;
      n.annotations = render_annotations(m, labels, severity, fired_at, reading);
      n.key = target.name + "|" + m.id + "|" + labels.text() + "|" + std::to_string(told) + "|" + std::to_string(at.ns);
      out.notifications.push_back(std::move(n));
    }
  }

  void tell(const MonitorSpec& m, const LabelSet& labels, Entry& e, const std::vector<Transition>& transitions,
            CoreOutput& out) {
    for (const auto& t : transitions) {
      const Reading& reading = e.instance.last_reading();
      journal(m, labels, t, reading, out);
      if (!t.notify) continue;
      const Severity severity = t.is_resolve ? std::max(t.severity_from, Severity::info) : t.severity_to;
      const std::string event = t.reason.rfind("flapping", 0) == 0 ? "flapping"
                                : t.is_resolve                     ? "resolved"
                                : t.from == AlertState::firing     ? "severity"
                                                                   : "firing";
      const Instant fired = e.instance.fired_at().value_or(t.at);
      notify(m, event, labels, severity, t.reason, t.at, e.instance.active_at().value_or(fired), fired, e.told, reading,
             out);
    }
  }

  void health(const MonitorSpec& m, const std::string& suffix, Health& h, bool is_active, const std::string& reason,
              Instant at, CoreOutput& out) {
    if (is_active == h.is_active) return;
    h.is_active = is_active;
    if (is_active) h.since = at;
    MonitorSpec shown = m;
    shown.id += ":" + suffix;
    shown.name += ":" + suffix;
    shown.annotations.clear();
    shown.annotations.emplace_back("summary", reason);
    JournalRow row;
    row.at = at;
    row.monitor = shown.id;
    row.kind = suffix == "overflow" ? "overflow" : "script_error";
    row.from = is_active ? "ok" : "firing";
    row.to = is_active ? "firing" : "ok";
    row.reason = reason;
    row.evidence = "{}";
    out.journal.push_back(row);
    notify(shown, is_active ? "firing" : "resolved", LabelSet(), Severity::warning, reason, at, h.since, h.since,
           h.told, Reading(), out);
  }

  // --- evaluating ----------------------------------------------------------------------------------------------

  void apply(MonitorRuntime& run, const LabelSet& labels, Observation seen, Instant at, CoreOutput& out) {
    const MonitorSpec& m = spec(run);
    auto it = run.entries.find(labels);
    if (it == run.entries.end()) it = run.entries.emplace(labels, Entry()).first;
    Entry& e = it->second;
    std::vector<Transition> transitions;
    ++counters.evaluations;
    if (seen.reading.status != Status::no_data) {
      e.last_data = at;
      e.last_seen = at;
      e.previous_value = seen.reading.value;
      e.previous_text = seen.reading.text;
    }
    e.instance.observe(at, seen, run.rules, transitions);
    if (!transitions.empty()) tell(m, labels, e, transitions, out);
    if (observer) observer->evaluated(m, labels, at, seen.reading, e.instance.state(), e.instance.severity());
  }

  bool has_room(MonitorRuntime& run, const LabelSet& labels, std::uint64_t& refused) {
    if (run.entries.contains(labels) || run.entries.size() < spec(run).limit) return true;
    ++refused;
    return false;
  }

  void evaluate_value(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out) {
    const MonitorSpec& m = spec(run);
    std::vector<int> others;
    for (const auto& rule : m.rules)
      if (rule) collect_condition_inputs(rule->condition, others);
    metrics->read(static_cast<HandleId>(m.value), at, scratch);
    std::uint64_t refused = 0;
    std::set<LabelSet> seen_labels;
    const bool is_grouped = !run.by.empty();
    bool any_data = false;
    for (const auto& series : scratch) {
      const LabelSet& labels = *series.labels;
      if (!has_room(run, labels, refused)) continue;
      if (is_grouped) seen_labels.insert(labels);
      any_data |= series.reading.status != Status::no_data;
      ConditionInputs inputs;
      inputs.own = &series.reading;
      std::vector<Reading> held;
      held.reserve(others.size());
      for (const int o : others) {
        held.push_back(metrics->read_one(static_cast<HandleId>(o), labels, at));
        inputs.others.emplace_back(o, &held.back());
      }
      const auto entry = run.entries.find(labels);
      inputs.now = at;
      inputs.last_data = far_past;
      if (entry != run.entries.end()) {
        inputs.previous_value = entry->second.previous_value;
        inputs.previous_text = entry->second.previous_text;
        inputs.last_data = entry->second.last_data;
      }
      Observation seen = judge_condition(m.rules, inputs);
      seen.reading = series.reading;
      seen.saw_new_rows = by_arrival || !m.on_arrival;
      apply(run, labels, std::move(seen), at, out);
    }
    if (is_grouped) absent_series(run, seen_labels, any_data, at, out);
    health(m, "overflow", run.overflow, refused > 0,
           refused ? std::to_string(refused) + " label sets beyond the limit of " + std::to_string(m.limit) +
                         " are not judged"
                   : "label sets are within the limit again",
           at, out);
  }

  // Label sets that were there and are not: without data each by itself; all of them together under policy "alert".
  void absent_series(MonitorRuntime& run, const std::set<LabelSet>& seen_labels, bool any_data, Instant at,
                     CoreOutput& out) {
    const MonitorSpec& m = spec(run);
    std::vector<LabelSet> missing;
    for (const auto& [labels, entry] : run.entries)
      if (!labels.empty() && !seen_labels.contains(labels)) missing.push_back(labels);
    for (const auto& labels : missing) {
      Observation seen;
      seen.kind = Observation::Kind::no_data;
      seen.reading.as_of = at;
      seen.reading.reason = "no rows for " + labels.text();
      seen.saw_new_rows = false;
      apply(run, labels, std::move(seen), at, out);
    }
    if (m.on_no_data != NoDataPolicy::alert) return;
    const LabelSet none;
    if (any_data && !run.entries.contains(none)) return;
    Observation seen;
    seen.reading.as_of = at;
    seen.kind = any_data ? Observation::Kind::verdict : Observation::Kind::no_data;
    apply(run, none, std::move(seen), at, out);
  }

  void evaluate_judge(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out) {
    const MonitorSpec& m = spec(run);
    std::vector<std::vector<SeriesReading>> read(m.inputs.size());
    std::set<LabelSet> label_sets;
    for (std::size_t i = 0; i < m.inputs.size(); ++i) {
      metrics->read(m.inputs[i].second, at, read[i]);
      for (const auto& s : read[i])
        if (!s.labels->empty()) label_sets.insert(*s.labels);
    }
    if (label_sets.empty()) label_sets.insert(LabelSet());
    std::uint64_t refused = 0;
    bool has_error = false;
    std::string complaint;
    for (const auto& labels : label_sets) {
      if (!has_room(run, labels, refused)) continue;
      std::vector<std::pair<std::string_view, const Reading*>> inputs;
      Reading missing;
      missing.as_of = at;
      bool any_data = false;
      for (std::size_t i = 0; i < m.inputs.size(); ++i) {
        const Reading* found = &missing;
        for (const auto& s : read[i])
          if (s.labels->empty() || *s.labels == labels) found = &s.reading;
        any_data |= found->status != Status::no_data;
        inputs.emplace_back(m.inputs[i].first, found);
      }
      Observation seen;
      seen.saw_new_rows = by_arrival || !m.on_arrival;
      seen.reading = inputs.empty() ? missing : *inputs.front().second;
      if (!m.inputs.empty() && !any_data) {
        seen.kind = Observation::Kind::no_data;
      } else {
        const Judgement verdict =
            judge ? judge->judge(m.judge, labels, inputs, at)
                  : Judgement{Judgement::Kind::error, Severity::none, "this pack's functions are not loaded"};
        switch (verdict.kind) {
          case Judgement::Kind::ok:
            seen.reading.reason.clear();
            break;
          case Judgement::Kind::fires:
            for (std::size_t s = 1; s <= static_cast<std::size_t>(verdict.severity); ++s) seen.raw[s] = true;
            seen.reading.reason = verdict.message;
            break;
          case Judgement::Kind::unknown:
            seen.kind = Observation::Kind::no_verdict;
            seen.status = "unknown: " + verdict.message;
            seen.reading.reason = verdict.message;
            break;
          case Judgement::Kind::error:
            seen.kind = Observation::Kind::error;
            seen.status = verdict.message;
            seen.reading.reason = verdict.message;
            has_error = true;
            ++counters.script_errors;
            complaint = verdict.message;
            break;
        }
        for (std::size_t s = 1; s < 4; ++s) seen.released[s] = !seen.raw[s];
      }
      apply(run, labels, std::move(seen), at, out);
    }
    std::set<LabelSet> seen_labels = label_sets;
    if (!run.by.empty()) absent_series(run, seen_labels, true, at, out);
    health(m, "error", run.error, has_error, has_error ? complaint : "the script judges again", at, out);
    health(m, "overflow", run.overflow, refused > 0,
           refused ? std::to_string(refused) + " label sets beyond the limit of " + std::to_string(m.limit) +
                         " are not judged"
                   : "label sets are within the limit again",
           at, out);
  }

  void evaluate(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out) {
    const MonitorSpec& m = spec(run);
    run.last_evaluated = at;
    if (m.judge >= 0)
      evaluate_judge(run, at, by_arrival, out);
    else
      evaluate_value(run, at, by_arrival, out);
    forget(run, at, out);
  }

  void forget(MonitorRuntime& run, Instant at, CoreOutput& out) {
    const MonitorSpec& m = spec(run);
    for (auto it = run.entries.begin(); it != run.entries.end();) {
      Entry& e = it->second;
      if (it->first.empty() || e.last_seen == far_past || at - e.last_seen < m.forget_after) {
        ++it;
        continue;
      }
      std::vector<Transition> transitions;
      e.instance.end(at, "forgotten", transitions);
      tell(m, it->first, e, transitions, out);
      it = run.entries.erase(it);
    }
  }

  // When the monitor must be looked at again: at its interval while time can change anything, else when fed.
  void schedule(MonitorRuntime& run) {
    const MonitorSpec& m = spec(run);
    bool is_settled = !run.error.is_active && !has_absent(m);
    Instant deadline = far_future;
    for (const auto& [labels, e] : run.entries) {
      is_settled &= e.instance.is_settled(run.rules);
      deadline = std::min(deadline, e.instance.next_deadline(run.last_evaluated, run.rules));
      if (!labels.empty() && e.last_seen != far_past) deadline = std::min(deadline, e.last_seen + m.forget_after);
    }
    bool is_quiet = true;
    for (const int h : handles_of(m)) is_quiet &= metrics->is_quiet(static_cast<HandleId>(h), now);
    const Instant after = std::max(run.last_evaluated, now);
    const Instant next_interval = floor_to(after, run.every) + run.every;
    const Instant next_deadline = deadline == far_future ? far_future
                                                         : ceil_to(std::max(deadline, after + nanoseconds(1)),
                                                                   m.on_arrival ? seconds(1) : run.every);
    if (is_quiet && is_settled)
      run.next_due = next_deadline;
    else if (is_quiet && m.on_arrival)
      run.next_due = next_deadline == far_future ? next_interval : next_deadline;
    else
      run.next_due = std::min(next_interval, next_deadline);
  }

  static bool has_absent(const Condition& c) {
    return c.kind == Condition::Kind::absent ||
           std::any_of(c.members.begin(), c.members.end(), [](const Condition& x) { return has_absent(x); });
  }
  // absent() changes with time alone, at an instant only the data knows: such a monitor never sleeps.
  static bool has_absent(const MonitorSpec& m) {
    return std::any_of(m.rules.begin(), m.rules.end(), [](const auto& r) { return r && has_absent(r->condition); });
  }

  void settle_restore(CoreOutput& out) {
    for (auto& gone : removed) {
      std::vector<Transition> transitions;
      gone.entry.instance.end(now, gone.reason, transitions);
      MonitorSpec m;
      m.id = gone.monitor;
      m.name = gone.monitor.substr(gone.monitor.find('/') + 1);
      m.pack = pack.name;
      tell(m, gone.labels, gone.entry, transitions, out);
    }
    removed.clear();
    for (auto& row : edits) {
      row.at = now;
      out.journal.push_back(row);
    }
    edits.clear();
  }
};

Core::Core(std::unique_ptr<State> state) : state_(std::move(state)) {}
Core::~Core() = default;

Result<std::unique_ptr<Core>> Core::create(PackSpec pack, Judge* judge, RowPredicate* predicates,
                                           std::vector<MetricEngine::Problem>* problems) {
  auto state = std::make_unique<State>();
  state->pack = std::move(pack);
  state->judge = judge;
  auto metrics =
      MetricEngine::create(state->pack.streams, state->pack.baselines, state->pack.handles, predicates, problems);
  if (!metrics) return metrics.error();
  state->metrics = std::move(*metrics);
  state->set_up();
  return std::unique_ptr<Core>(new Core(std::move(state)));
}

const PackSpec& Core::pack() const { return state_->pack; }
MetricEngine& Core::metrics() { return *state_->metrics; }

void Core::baseline_rows(const std::string& baseline, const Batch& batch) {
  state_->metrics->baseline_rows(baseline, batch);
}
void Core::baseline_seal(const std::string& baseline) {
  state_->metrics->baseline_seal(baseline);
  state_->baselines[baseline] = {{}, true};
}

CoreCounters Core::counters() const { return state_->counters; }
Instant Core::now() const { return state_->now; }
void Core::observe(EvaluationObserver* observer) { state_->observer = observer; }

std::vector<Rejected> Core::feed(std::string_view stream, std::string_view source, const Batch& batch, Instant now,
                                 CoreOutput& out, bool check_future) {
  State& s = *state_;
  s.now = std::max(s.now, now);
  ++s.counters.batches;
  s.learn(stream, batch);
  auto rejected = s.metrics->feed(stream, source, batch, s.now, check_future);
  const std::string name(stream);
  for (auto& run : s.monitors) {
    if (!run.streams.contains(name)) continue;
    if (s.spec(run).on_arrival) {
      s.evaluate(run, s.now, true, out);
      s.schedule(run);
    } else if (run.next_due == far_future || run.next_due == far_past) {
      run.next_due = ceil_to(s.now, run.every);
      if (run.last_evaluated != far_past && run.next_due <= run.last_evaluated)
        run.next_due = run.last_evaluated + run.every;
    } else {
      // Asleep until a deadline: rows wake it earlier.
      const Instant next = std::max(ceil_to(s.now, run.every),
                                    run.last_evaluated == far_past ? far_past : run.last_evaluated + run.every);
      run.next_due = std::min(run.next_due, next);
    }
  }
  return rejected;
}

void Core::tick(Instant now, CoreOutput& out) {
  State& s = *state_;
  s.now = std::max(s.now, now);
  ++s.counters.ticks;
  s.metrics->tick(s.now);
  s.settle_restore(out);
  for (auto& run : s.monitors) {
    if (run.next_due == far_past) run.next_due = ceil_to(s.now, run.every);  // first tick after load
    if (run.next_due > s.now) continue;
    Instant at = run.next_due;
    if (!s.spec(run).on_arrival) {
      const Instant newest = floor_to(s.now, run.every);
      if (newest > at) {
        s.counters.missed += static_cast<std::uint64_t>((newest - at).ns / run.every.ns);
        at = newest;
      }
    }
    s.evaluate(run, at, false, out);
    s.schedule(run);
  }
}

void Core::restarted(Instant now, CoreOutput& out) {
  State& s = *state_;
  const Duration down = s.now == far_past ? Duration{0} : std::max(Duration{0}, now - s.now);
  s.now = std::max(s.now, now);
  for (auto& run : s.monitors) {
    for (auto& [labels, e] : run.entries) {
      std::vector<Transition> transitions;
      e.instance.restarted(s.now, down, transitions);
      s.tell(s.spec(run), labels, e, transitions, out);
    }
    run.next_due = ceil_to(s.now, run.every);
  }
  s.settle_restore(out);  // else a checkpoint before the first tick would lose what the edit ended
}

Instant Core::next_due() const {
  if (!state_->removed.empty() || !state_->edits.empty()) return state_->now;
  Instant next = far_future;
  for (const auto& run : state_->monitors) next = std::min(next, run.next_due);
  return next;
}

Duration Core::feed_span(std::string_view stream) const {
  Duration finest = days(1);
  for (const auto& run : state_->monitors) {
    if (!run.streams.contains(std::string(stream))) continue;
    if (state_->spec(run).on_arrival) return Duration{0};
    finest = std::min(finest, run.every);
  }
  return finest;
}

bool Core::judges_on_arrival(std::string_view stream) const {
  for (const auto& run : state_->monitors)
    if (state_->spec(run).on_arrival && run.streams.contains(std::string(stream))) return true;
  return false;
}

std::vector<AlertView> Core::alerts(bool active_only) const {
  std::vector<AlertView> out;
  for (const auto& run : state_->monitors) {
    const MonitorSpec& m = state_->spec(run);
    for (const auto& [labels, e] : run.entries) {
      const AlertInstance& i = e.instance;
      if (active_only && i.state() != AlertState::pending && i.state() != AlertState::firing) continue;
      AlertView v;
      v.monitor = m.name;
      v.pack = m.pack;
      v.labels = wire_labels(m, labels, i.severity());
      v.state = i.state();
      v.severity = i.severity();
      v.active_at = i.active_at();
      v.fired_at = i.fired_at();
      v.keep_since = i.keep_since();
      v.held = i.held();
      v.reading = i.last_reading();
      v.annotations = render_annotations(m, labels, i.severity(),
                                         i.fired_at().value_or(i.active_at().value_or(state_->now)), i.last_reading());
      out.push_back(std::move(v));
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const AlertView& a, const AlertView& b) {
    const auto rank = [](const AlertView& v) {
      return (v.state == AlertState::firing    ? 100
              : v.state == AlertState::unknown ? 60
              : v.state == AlertState::no_data ? 50
              : v.state == AlertState::pending ? 40
                                               : 0) +
             static_cast<int>(v.severity);
    };
    return rank(a) > rank(b);
  });
  return out;
}

const AlertInstance* Core::instance(const std::string& monitor_name, const LabelSet& labels) const {
  for (const auto& run : state_->monitors) {
    const MonitorSpec& m = state_->spec(run);
    if (m.name != monitor_name && m.id != monitor_name) continue;
    const auto it = run.entries.find(labels);
    if (it != run.entries.end()) return &it->second.instance;
  }
  return nullptr;
}

void Core::save(ByteWriter& out) const {
  const State& s = *state_;
  out.put(checkpoint_version);
  put_instant(out, s.now);
  out.put(s.counters.evaluations);
  out.put(s.counters.missed);
  out.put(s.counters.batches);
  out.put(s.counters.ticks);
  out.put(s.counters.script_errors);
  ByteWriter metrics;
  s.metrics->save(metrics);
  out.text(metrics.bytes());
  out.put(static_cast<std::uint64_t>(s.baselines.size()));
  for (const auto& [name, learning] : s.baselines) {
    out.text(name);
    out.put(static_cast<std::uint8_t>(learning.is_sealed));
    out.put(static_cast<std::uint64_t>(learning.rows.size()));
    for (const auto& batch : learning.rows) batch.write(out);
  }
  out.put(static_cast<std::uint64_t>(s.monitors.size()));
  for (const auto& run : s.monitors) {
    out.text(s.spec(run).id);
    out.text(run.fingerprint);
    std::string by;
    for (const auto& b : run.by) by += b + "\n";
    out.text(by);
    put_instant(out, run.next_due);
    put_instant(out, run.last_evaluated);
    write_health(out, run.error);
    write_health(out, run.overflow);
    out.put(static_cast<std::uint64_t>(run.entries.size()));
    for (const auto& [labels, e] : run.entries) {
      labels.write(out);
      e.instance.write(out);
      out.put(e.told);
      put_instant(out, e.last_data);
      put_instant(out, e.last_seen);
      out.put(static_cast<std::uint8_t>(e.previous_value.has_value()));
      out.put(e.previous_value.value_or(0.0));
      out.text(e.previous_text);
    }
  }
}

Done Core::restore(ByteReader& in) {
  State& s = *state_;
  const auto version = in.get<std::uint32_t>();
  if (version != checkpoint_version)
    return invalid("checkpoint version: expected " + std::to_string(checkpoint_version) + ", got " +
                   std::to_string(version));
  s.now = get_instant(in);
  s.counters.evaluations = in.get<std::uint64_t>();
  s.counters.missed = in.get<std::uint64_t>();
  s.counters.batches = in.get<std::uint64_t>();
  s.counters.ticks = in.get<std::uint64_t>();
  s.counters.script_errors = in.get<std::uint64_t>();
  const std::string metrics = in.text();
  ByteReader metrics_in(metrics);
  if (in.good())
    if (auto restored = s.metrics->restore(metrics_in); !restored) return restored;
  const auto baselines = in.count();
  for (std::size_t i = 0; i < baselines && in.good(); ++i) {
    State::Learning& learning = s.baselines[in.text()];
    learning.is_sealed = in.get<std::uint8_t>() != 0;
    const auto batches = in.count();
    for (std::size_t k = 0; k < batches && in.good(); ++k) {
      auto batch = Batch::read(in);
      if (!batch) return batch.error();
      learning.rows.push_back(std::move(*batch));
    }
  }
  const auto monitors = in.count();
  for (std::size_t i = 0; i < monitors && in.good(); ++i) {
    const std::string id = in.text(), fingerprint = in.text(), by = in.text();
    MonitorRuntime* run = nullptr;
    for (auto& r : s.monitors) {
      const MonitorSpec& m = s.spec(r);
      if (m.id == id || (!m.was.empty() && m.pack + "/" + m.was == id)) run = &r;
    }
    MonitorRuntime dropped;
    MonitorRuntime& into = run ? *run : dropped;
    into.next_due = get_instant(in);
    into.last_evaluated = get_instant(in);
    read_health(in, into.error);
    read_health(in, into.overflow);
    std::string now_by;
    for (const auto& b : into.by) now_by += b + "\n";
    const bool is_same_by = run && now_by == by;
    const auto entries = in.count();
    for (std::size_t k = 0; k < entries && in.good(); ++k) {
      const LabelSet labels = LabelSet::read(in);
      Entry e;
      if (auto read = e.instance.read(in); !read) return read;
      e.told = in.get<std::uint64_t>();
      e.last_data = get_instant(in);
      e.last_seen = get_instant(in);
      const bool has_previous = in.get<std::uint8_t>() != 0;
      const double previous = in.get<double>();
      if (has_previous) e.previous_value = previous;
      e.previous_text = in.text();
      if (is_same_by)
        into.entries.emplace(labels, std::move(e));
      else
        s.removed.push_back({id, run ? "label sets changed" : "monitor removed", labels, std::move(e)});
    }
    if (!run) continue;
    if (into.fingerprint != fingerprint) {
      into.next_due = s.now == far_past ? far_past : ceil_to(s.now, into.every);
      JournalRow row;
      row.monitor = s.spec(into).id;
      row.kind = "edited";
      row.reason = "edited: " + edited_fields(fingerprint, into.fingerprint);
      row.evidence = "{}";
      s.edits.push_back(std::move(row));
    } else if (into.next_due != far_past && into.next_due != far_future) {
      into.next_due = ceil_to(into.next_due, s.spec(into).on_arrival ? seconds(1) : into.every);
    }
  }
  if (!in.good()) return invalid("checkpoint: expected more bytes than there are");
  return done();
}

}  // namespace tidewatch
