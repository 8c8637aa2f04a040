// Inputs: a batch, a tick, a restart. Each is applied whole before the next, so their order is all that decides.
#include "core/state.h"

#include <algorithm>

#include "monitors/wire_labels.h"

namespace tidewatch {

void collect_condition_inputs(const Condition& c, std::vector<HandleId>& out) {
  if (c.input >= 0) out.push_back(static_cast<HandleId>(c.input));
  for (const auto& m : c.members) collect_condition_inputs(m, out);
}

std::vector<HandleId> Core::State::handles_of(const MonitorSpec& m) {
  std::vector<HandleId> out;
  if (m.value >= 0) out.push_back(static_cast<HandleId>(m.value));
  for (const auto& [name, handle] : m.inputs) out.push_back(handle);
  for (const auto& rule : m.rules)
    if (rule) collect_condition_inputs(rule->condition, out);
  return out;
}

std::optional<std::size_t> Core::State::stream_index(std::string_view name) const {
  for (std::size_t i = 0; i < pack.streams.size(); ++i)
    if (pack.streams[i].name == name) return i;
  return std::nullopt;
}

void Core::State::by_of(int handle, std::vector<std::string>& out) const {
  const HandleSpec& h = pack.handles[static_cast<std::size_t>(handle)];
  for (const auto& b : h.metric.by) out.push_back(b);
  for (const auto& c : h.metric.columns)
    if (h.op == HandleSpec::Op::metric && (c == "*" || h.metric.columns.size() > 2) && h.metric.metric != "leakage")
      out.push_back("column");
  for (const auto i : h.inputs) by_of(static_cast<int>(i), out);
}

void Core::State::set_up() {
  for (std::size_t i = 0; i < pack.monitors.size(); ++i) {
    const MonitorSpec& m = pack.monitors[i];
    MonitorRuntime run;
    run.spec = i;
    run.value = m.value;
    run.judge = m.judge;
    run.on_arrival = m.on_arrival;
    run.handles = handles_of(m);
    for (const auto& rule : m.rules)
      if (rule) collect_condition_inputs(rule->condition, run.others);
    run.has_absent = has_absent(m);
    run.every = m.every;
    for (const HandleId h : run.handles) {
      run.reads_join = run.reads_join || metrics->reads_join(h);
      for (const auto& s : metrics->streams_of(h))
        if (const auto index = stream_index(s)) run.streams.push_back(*index);
      by_of(static_cast<int>(h), run.by);
      if (m.every.ns == 0) {
        const Duration d = metrics->default_every(h);
        run.every = run.every.ns == 0 ? d : std::min(run.every, d);
      }
    }
    if (run.every.ns <= 0) run.every = seconds(1);
    std::sort(run.streams.begin(), run.streams.end());
    run.streams.erase(std::unique(run.streams.begin(), run.streams.end()), run.streams.end());
    std::sort(run.by.begin(), run.by.end());
    run.by.erase(std::unique(run.by.begin(), run.by.end()), run.by.end());
    run.is_grouped = !run.by.empty();
    run.rules = InstanceRules::of(m, run.every);
    run.fingerprint = fingerprint_of(m, pack.handles);
    monitors.push_back(std::move(run));
  }
  std::sort(monitors.begin(), monitors.end(), [&](const auto& a, const auto& b) { return spec(a).id < spec(b).id; });
  on_arrival.resize(pack.streams.size());
  sleepers.resize(pack.streams.size());
  for (const auto& run : monitors)
    for (const std::size_t s : run.streams)
      if (spec(run).on_arrival) on_arrival[s].push_back(index_of(run));
  set_all_due_again();
}

void Core::State::take_learnt(CoreOutput& out) {
  for (auto& learnt : metrics->take_learnt()) {
    learnt.pack = pack.name;
    learnt.at = now;
    out.baselines.push_back(std::move(learnt));
  }
}

void Core::State::settle_restore(CoreOutput& out) {
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

Core::Core(std::unique_ptr<State> state) : state_(std::move(state)) {}
Core::~Core() = default;

Result<std::unique_ptr<Core>> Core::create(PackSpec pack, Judge* judge, RowPredicate* predicates,
                                           std::vector<MetricEngine::Problem>* problems) {
  auto state = std::make_unique<State>();
  state->pack = std::move(pack);
  state->scripts = std::make_unique<ScriptUnits>(state->pack, judge, predicates);
  auto metrics = MetricEngine::create(state->pack.streams, state->pack.baselines, state->pack.handles,
                                      predicates == nullptr ? nullptr : state->scripts.get(), problems);
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
void Core::baseline_seal(const std::string& baseline) { state_->metrics->baseline_seal(baseline); }

CoreCounters Core::counters() const { return state_->counters; }
Instant Core::now() const { return state_->now; }
void Core::observe(EvaluationObserver* observer) { state_->observer = observer; }
void Core::work_plainly() { state_->is_plain = true; }

std::vector<Rejected> Core::feed(std::string_view stream, std::string_view source, const Batch& batch, Instant now,
                                 CoreOutput& out, bool check_future) {
  State& s = *state_;
  s.now = std::max(s.now, now);
  ++s.counters.batches;
  s.scripts->begin(s.now);
  auto rejected = s.metrics->feed(stream, source, batch, s.now, check_future);
  s.take_learnt(out);
  const auto index = s.stream_index(stream);
  if (!index) {
    s.tell_scripts(out);
    return rejected;
  }
  if (s.is_plain) s.set_all_due_again();
  for (const std::uint32_t i : s.on_arrival[*index]) {
    s.evaluate(s.monitors[i], s.now, true, out);
    s.schedule(s.monitors[i]);
  }
  for (const std::uint32_t i : s.sleepers[*index]) {
    MonitorRuntime& run = s.monitors[i];
    for (std::size_t k = 0; k < run.streams.size(); ++k)
      if (run.streams[k] == *index) run.waits_for_rows[k] = 0;
    s.wake(run);
  }
  s.sleepers[*index].clear();
  s.tell_scripts(out);
  return rejected;
}

void Core::tick(Instant now, CoreOutput& out) {
  State& s = *state_;
  s.now = std::max(s.now, now);
  ++s.counters.ticks;
  s.scripts->begin(s.now);
  s.metrics->tick(s.now);
  s.take_learnt(out);
  s.settle_restore(out);
  s.due_now.clear();
  while (!s.due.empty() && s.due.begin()->first <= s.now) {
    for (const std::uint32_t i : s.due.begin()->second)
      if (s.monitors[i].next_due == s.due.begin()->first) s.due_now.push_back(i);
    s.due.erase(s.due.begin());
  }
  if (!std::is_sorted(s.due_now.begin(), s.due_now.end())) std::sort(s.due_now.begin(), s.due_now.end());
  s.due_now.erase(std::unique(s.due_now.begin(), s.due_now.end()), s.due_now.end());
  // Those whose calls were put off go first, longest first.
  const bool is_any_put_off = std::any_of(s.due_now.begin(), s.due_now.end(),
                                          [&s](std::uint32_t i) { return s.monitors[i].missed_from.has_value(); });
  if (is_any_put_off)
    std::stable_sort(s.due_now.begin(), s.due_now.end(), [&s](std::uint32_t a, std::uint32_t b) {
      const MonitorRuntime &one = s.monitors[a], &other = s.monitors[b];
      const Instant since = one.missed_from ? one.missed_since : far_future;
      return since < (other.missed_from ? other.missed_since : far_future);
    });
  for (const std::uint32_t i : s.due_now) {
    MonitorRuntime& run = s.monitors[i];
    if (run.next_due == far_past) {  // first tick after load
      const Instant first = ceil_to(s.now, run.every);
      if (first > s.now) {
        s.set_due(run, first);
        continue;
      }
      run.next_due = first;
    }
    Instant at = run.next_due;
    if (!run.on_arrival) {
      const Instant newest = floor_to(s.now, run.every);
      if (newest > at) {
        s.counters.missed += static_cast<std::uint64_t>((newest - at).ns / run.every.ns);
        at = newest;
      }
    }
    s.evaluate(run, at, false, out);
    s.schedule(run);
  }
  s.tell_scripts(out);
}

void Core::restarted(Instant now, CoreOutput& out, Outage outage) {
  State& s = *state_;
  const Duration down = s.now == far_past ? Duration{0} : std::max(Duration{0}, now - s.now);
  s.now = std::max(s.now, now);
  s.metrics->paused(down);
  for (auto& run : s.monitors) {
    if (outage == Outage::sleep && down <= std::max(seconds(10), run.every + run.every + run.every)) continue;
    for (auto& [labels, e] : run.entries) {
      std::vector<Transition> transitions;
      e.instance.restarted(s.now, down, transitions,
                           outage == Outage::sleep ? "late: nothing was seen for " : "restarted, down ");
      if (e.last_data != far_past) e.last_data = std::min(e.last_data + down, s.now);
      s.tell(s.spec(run), labels, e, transitions, out);
    }
    run.next_due = ceil_to(s.now, run.every);
  }
  s.set_all_due_again();
  s.settle_restore(out);  // else a checkpoint before the first tick would lose what the edit ended
}

void Core::quarantine_scripts(const std::string& why, Instant now) {
  state_->scripts->begin(now);
  state_->scripts->quarantine_all(why, now);
}
void Core::release_scripts() { state_->scripts->release_all(); }
std::size_t Core::quarantined_scripts() const { return state_->scripts->quarantined(); }

namespace {

AlertView view_of(const MonitorSpec& m, const LabelSet& labels, const AlertInstance& alert) {
  AlertView v;
  v.monitor = m.name;
  v.pack = m.pack;
  v.labels = wire_labels(m, labels, alert.severity());
  v.state = alert.state();
  v.severity = alert.severity();
  v.active_at = alert.active_at();
  v.fired_at = alert.fired_at();
  v.keep_since = alert.keep_since();
  v.held = alert.held();
  v.reading = alert.last_reading();
  return v;
}

}  // namespace

std::vector<AlertView> Core::orphans() const {
  std::vector<AlertView> out;
  for (const auto& gone : state_->removed) {
    const AlertInstance& i = gone.entry.instance;
    if (i.state() != AlertState::pending && i.state() != AlertState::firing) continue;
    MonitorSpec m;
    m.id = gone.monitor;
    m.name = gone.monitor.substr(gone.monitor.find('/') + 1);
    m.pack = state_->pack.name;
    out.push_back(view_of(m, gone.labels, i));
  }
  return out;
}

Instant Core::next_due() const {
  if (!state_->removed.empty() || !state_->edits.empty()) return state_->now;
  auto& due = state_->due;
  while (!due.empty()) {
    const auto& [at, monitors] = *due.begin();
    for (const std::uint32_t i : monitors)
      if (state_->monitors[i].next_due == at) return at;
    due.erase(due.begin());  // all of it has moved since
  }
  return far_future;
}

Duration Core::feed_span(std::string_view stream) const {
  Duration finest = days(1);
  const auto index = state_->stream_index(stream);
  if (!index) return finest;
  for (const auto& run : state_->monitors) {
    if (!std::binary_search(run.streams.begin(), run.streams.end(), *index)) continue;
    if (state_->spec(run).on_arrival) return Duration{0};
    finest = std::min(finest, run.every);
  }
  return finest;
}

bool Core::judges_on_arrival(std::string_view stream) const {
  const auto index = state_->stream_index(stream);
  return index && !state_->on_arrival[*index].empty();
}

std::vector<AlertView> Core::alerts(bool active_only) const {
  std::vector<AlertView> out;
  for (const auto& run : state_->monitors) {
    const MonitorSpec& m = state_->spec(run);
    for (const auto& [labels, e] : run.entries) {
      const AlertInstance& i = e.instance;
      if (active_only && i.state() != AlertState::pending && i.state() != AlertState::firing) continue;
      AlertView v = view_of(m, labels, i);
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

std::vector<NeverQuiet> Core::never_quiet() const {
  std::vector<NeverQuiet> out;
  for (const auto& run : state_->monitors) {
    const MonitorSpec& m = state_->spec(run);
    for (const auto& [labels, e] : run.entries)
      for (const Severity severity : e.quietness.never_quiet(m.rules))
        out.push_back({m.pack, m.name, m.rules[static_cast<std::size_t>(severity)]->describe(), labels, severity,
                       e.quietness.first, e.quietness.verdicts, e.instance.last_reading()});
  }
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

}  // namespace tidewatch
