// One evaluation of one monitor: read, judge each label set, hand the truths to its alert instance. A label set that
// went away is judged too: as one without data.
#include "core/state.h"

#include <algorithm>
#include <utility>

namespace tidewatch {

void Core::State::apply(MonitorRuntime& run, const LabelSet& labels, Observation seen, Instant at, CoreOutput& out) {
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

bool Core::State::has_room(MonitorRuntime& run, const LabelSet& labels, std::uint64_t& refused) {
  if (run.entries.contains(labels) || run.entries.size() < spec(run).limit) return true;
  ++refused;
  return false;
}

void Core::State::evaluate_value(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out) {
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

void Core::State::absent_series(MonitorRuntime& run, const std::set<LabelSet>& seen_labels, bool any_data, Instant at,
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

void Core::State::evaluate_judge(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out) {
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
  const auto missed_from = std::exchange(run.missed_from, std::nullopt);
  bool is_called = false;
  std::string complaint;
  std::vector<const LabelSet*> turn;
  for (const auto& labels : label_sets) turn.push_back(&labels);
  if (missed_from)
    std::rotate(turn.begin(),
                std::find_if(turn.begin(), turn.end(), [&](const auto* l) { return !(*l < *missed_from); }),
                turn.end());
  for (const LabelSet* each : turn) {
    const LabelSet& labels = *each;
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
      const Judgement verdict = scripts->judge(m.judge, labels, inputs, at);
      is_called |= verdict.kind != Judgement::Kind::missed;
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
          if (verdict.failure != Judgement::Failure::quarantined) ++counters.script_errors;
          complaint = verdict.message;
          break;
        case Judgement::Kind::missed:  // no verdict at this instant: clocks stand still, and it goes first next time
          seen.kind = Observation::Kind::no_verdict;
          seen.status = "missed";
          seen.reading.reason = verdict.message;
          if (!run.missed_from) run.missed_from = labels;
          ++counters.missed;
          --counters.evaluations;  // which apply() counts
          break;
      }
      for (std::size_t s = 1; s < 4; ++s) seen.released[s] = !seen.raw[s];
    }
    apply(run, labels, std::move(seen), at, out);
  }
  std::set<LabelSet> seen_labels = label_sets;
  if (!run.by.empty()) absent_series(run, seen_labels, true, at, out);
  if (run.missed_from && (is_called || !missed_from)) run.missed_since = at;
  if (has_error || !run.missed_from)
    health(m, "error", run.error, has_error, has_error ? complaint : "the script judges again", at, out,
           scripts->find(m.judge));
  health(m, "overflow", run.overflow, refused > 0,
         refused ? std::to_string(refused) + " label sets beyond the limit of " + std::to_string(m.limit) +
                       " are not judged"
                 : "label sets are within the limit again",
         at, out);
}

void Core::State::evaluate(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out) {
  const MonitorSpec& m = spec(run);
  run.last_evaluated = at;
  if (m.judge >= 0)
    evaluate_judge(run, at, by_arrival, out);
  else
    evaluate_value(run, at, by_arrival, out);
  forget(run, at, out);
}

}  // namespace tidewatch
