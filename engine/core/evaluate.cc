// One evaluation of one monitor: read, judge each label set, hand the truths to its alert instance. A label set that
// went away is judged too: as one without data.
#include "core/state.h"

#include <algorithm>
#include <utility>

namespace tidewatch {

Entry& Core::State::entry_of(MonitorRuntime& run, const LabelSet& labels) { return run.entries[labels]; }

Entry* Core::State::entry_if_room(MonitorRuntime& run, const LabelSet& labels) {
  // New label sets mostly come in label order: then one look at the last tells where it goes.
  auto place = run.entries.end();
  if (!run.entries.empty() && !(std::prev(place)->first < labels)) place = run.entries.lower_bound(labels);
  if (place != run.entries.end() && place->first == labels) return &place->second;
  if (run.entries.size() >= spec(run).limit) return nullptr;
  return &run.entries.try_emplace(place, labels)->second;
}

void Core::State::apply(MonitorRuntime& run, const LabelSet& labels, Entry& e, const Observation& seen, Instant at,
                        CoreOutput& out) {
  const MonitorSpec& m = spec(run);
  const Reading& reading = *seen.reading;
  ++counters.evaluations;
  if (reading.status != Status::no_data) {
    e.last_data = at;
    e.last_seen = at;
    e.previous_value = reading.value;
    if (!reading.text.empty() || !e.previous_text.empty()) e.previous_text = reading.text;
  }
  moves.clear();
  e.instance.observe(at, seen, run.rules, moves);
  if (!moves.empty()) tell(m, labels, e, moves, out);
  e.quietness.take(seen, at);
  if (observer) observer->evaluated(m, labels, at, seen, e.instance, e.mark);
  Found& found = run.found;
  if (e.round == run.round)
    found.is_whole = false;
  else
    ++found.judged;
  e.round = run.round;
  found.is_settled = found.is_settled && e.instance.is_settled(run.rules);
  found.deadline = std::min(found.deadline, e.instance.next_deadline(at, run.rules));
  if (!labels.empty() && e.last_seen != far_past) {
    found.oldest_seen = std::min(found.oldest_seen, e.last_seen);
    found.deadline = std::min(found.deadline, e.last_seen + m.forget_after);
  }
}

void Core::State::tell_overflow(MonitorRuntime& run, std::uint64_t refused, Instant at, CoreOutput& out) {
  if ((refused > 0) == run.overflow.is_active) return;
  const MonitorSpec& m = spec(run);
  health(m, "overflow", run.overflow, refused > 0,
         refused ? std::to_string(refused) + " label sets beyond the limit of " + std::to_string(m.limit) +
                       " are not judged"
                 : "label sets are within the limit again",
         at, out);
}

void Core::State::plan_others(MonitorRuntime& run, const MetricEngine::Rows& rows) {
  if (run.plan.others.empty())
    for (const HandleId o : run.others) run.plan.others.push_back({o, 0, {}});
  for (Plan::Other& other : run.plan.others) {
    const MetricEngine::Rows theirs = metrics->rows(other.handle);
    if (other.generation == theirs.generation && other.rows.size() == rows.labels.size()) continue;
    other.generation = theirs.generation;
    other.rows.assign(rows.labels.size(), Plan::none);
    const bool is_one = !metrics->is_grouped(other.handle);
    std::size_t k = 0;  // both are in label order
    for (std::size_t row = 0; row < rows.labels.size(); ++row) {
      if (is_one) {
        other.rows[row] = 0;
        continue;
      }
      while (k < theirs.labels.size() && *theirs.labels[k] < *rows.labels[row]) ++k;
      if (k < theirs.labels.size() && *theirs.labels[k] == *rows.labels[row]) other.rows[row] = k;
    }
  }
}

void Core::State::evaluate_value(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out) {
  const auto value = static_cast<HandleId>(run.value);
  const MetricEngine::Rows rows = metrics->rows(value);
  Plan& plan = run.plan;
  if (plan.generation != rows.generation) {
    plan.generation = rows.generation;
    plan.entries.assign(rows.labels.size(), nullptr);
    for (Plan::Other& other : plan.others) other.generation = 0;
  }
  if (!run.others.empty()) plan_others(run, rows);
  std::uint64_t refused = 0;
  bool any_data = false;
  ConditionInputs& inputs = condition_inputs;
  inputs.now = at;
  inputs.series = std::max<std::size_t>(1, rows.labels.size());
  for (std::size_t row = 0; row < rows.labels.size(); ++row) {
    const LabelSet& labels = *rows.labels[row];
    SharedReading reading = metrics->read_row(value, row, at);
    Entry*& entry = plan.entries[row];
    if (!entry) entry = entry_if_room(run, labels);
    if (!entry) {
      ++refused;
      continue;
    }
    any_data |= reading->status != Status::no_data;
    inputs.own = &*reading;
    inputs.others.clear();
    if (!plan.others.empty()) {
      held.clear();
      for (const Plan::Other& other : plan.others) {
        held.push_back(other.rows[row] == Plan::none ? SharedReading(metrics->read_one(other.handle, labels, at))
                                                     : metrics->read_row(other.handle, other.rows[row], at));
        inputs.others.emplace_back(static_cast<int>(other.handle), &*held.back());
      }
    }
    inputs.previous_value = entry->previous_value;
    inputs.previous_text = entry->previous_text;
    inputs.last_data = entry->last_data;
    inputs.before = &entry->instance.last_reading().thresholds;
    Observation seen = judge_condition(run.rules.rules, inputs);
    if (!seen.thresholds.empty()) reading.edit().thresholds = std::move(seen.thresholds);
    seen.reading = std::move(reading);
    seen.saw_new_rows = by_arrival || !run.on_arrival;
    apply(run, labels, *entry, seen, at, out);
  }
  if (run.is_grouped) absent_series(run, any_data, at, out);
  tell_overflow(run, refused, at, out);
}

void Core::State::absent_series(MonitorRuntime& run, bool any_data, Instant at, CoreOutput& out) {
  const MonitorSpec& m = spec(run);
  if (run.found.judged < run.entries.size()) {
    for (auto& [labels, entry] : run.entries) {
      if (labels.empty() || entry.round == run.round) continue;
      Reading none;
      none.as_of = at;
      none.reason = "no rows for " + labels.text();
      Observation seen;
      seen.kind = Observation::Kind::no_data;
      seen.reading = SharedReading(std::move(none));
      seen.saw_new_rows = false;
      apply(run, labels, entry, seen, at, out);
    }
  }
  if (m.on_no_data != NoDataPolicy::alert) return;
  const LabelSet none;
  if (any_data && !run.entries.contains(none)) return;
  Reading reading;
  reading.as_of = at;
  Observation seen;
  seen.reading = SharedReading(std::move(reading));
  seen.kind = any_data ? Observation::Kind::verdict : Observation::Kind::no_data;
  apply(run, none, entry_of(run, none), seen, at, out);
}

void Core::State::plan_inputs(MonitorRuntime& run) {
  const MonitorSpec& m = spec(run);
  InputPlan& plan = run.input_plan;
  std::uint64_t generation = 1;  // each only grows, so the sum changes with any of them
  for (const auto& [name, handle] : m.inputs) generation += metrics->rows(handle).generation;
  if (generation == plan.generation) return;
  plan.generation = generation;
  plan.sets.clear();
  for (const auto& [name, handle] : m.inputs)
    for (const LabelSet* labels : metrics->rows(handle).labels)
      if (!labels->empty()) plan.sets.push_back(*labels);
  std::sort(plan.sets.begin(), plan.sets.end());
  plan.sets.erase(std::unique(plan.sets.begin(), plan.sets.end()), plan.sets.end());
  if (plan.sets.empty()) plan.sets.emplace_back();
  plan.entries.assign(plan.sets.size(), nullptr);
  plan.rows.assign(plan.sets.size() * m.inputs.size(), Plan::none);
  for (std::size_t i = 0; i < m.inputs.size(); ++i) {
    const auto labels = metrics->rows(m.inputs[i].second).labels;
    // A row without labels stands for every label set that has no row of its own; it comes first.
    const std::size_t common = !labels.empty() && labels[0]->empty() ? 0 : Plan::none;
    std::size_t k = 0;
    for (std::size_t set = 0; set < plan.sets.size(); ++set) {
      while (k < labels.size() && *labels[k] < plan.sets[set]) ++k;
      plan.rows[set * m.inputs.size() + i] = k < labels.size() && *labels[k] == plan.sets[set] ? k : common;
    }
  }
}

void Core::State::evaluate_judge(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out) {
  const MonitorSpec& m = spec(run);
  plan_inputs(run);
  InputPlan& plan = run.input_plan;
  const std::size_t width = m.inputs.size();
  if (read_inputs.size() < width) read_inputs.resize(width);
  for (std::size_t i = 0; i < width; ++i) {
    read_inputs[i].clear();
    const std::size_t rows = metrics->rows(m.inputs[i].second).labels.size();
    for (std::size_t row = 0; row < rows; ++row)
      read_inputs[i].push_back(metrics->read_row(m.inputs[i].second, row, at));
  }
  SharedReading none;  // made when an input has no row for a label set
  const auto missing = [&]() -> const SharedReading& {
    if (none->as_of != at) none.edit().as_of = at;
    return none;
  };
  std::uint64_t refused = 0;
  bool has_error = false;
  const auto missed_from = std::exchange(run.missed_from, std::nullopt);
  bool is_called = false;
  std::string complaint;
  // What was put off last time is judged first.
  const std::size_t begin =
      missed_from ? static_cast<std::size_t>(std::lower_bound(plan.sets.begin(), plan.sets.end(), *missed_from) -
                                             plan.sets.begin())
                  : 0;
  for (std::size_t turn = 0; turn < plan.sets.size(); ++turn) {
    const std::size_t set = (begin + turn) % plan.sets.size();
    const LabelSet& labels = plan.sets[set];
    Entry*& entry = plan.entries[set];
    if (!entry) entry = entry_if_room(run, labels);
    if (!entry) {
      ++refused;
      continue;
    }
    judge_inputs.clear();
    bool any_data = false;
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t row = plan.rows[set * width + i];
      const Reading* found = row == Plan::none ? &*missing() : &*read_inputs[i][row];
      any_data |= found->status != Status::no_data;
      judge_inputs.emplace_back(m.inputs[i].first, found);
    }
    Observation seen;
    seen.saw_new_rows = by_arrival || !m.on_arrival;
    const std::size_t first = width ? plan.rows[set * width] : Plan::none;
    seen.reading = first == Plan::none ? missing() : read_inputs[0][first];
    const auto say = [&](const std::string& text) {
      if (seen.reading->reason != text) seen.reading.edit().reason = text;
    };
    if (width && !any_data) {
      seen.kind = Observation::Kind::no_data;
    } else {
      const Judgement verdict = scripts->judge(m.judge, labels, judge_inputs, at);
      is_called |= verdict.kind != Judgement::Kind::missed;
      switch (verdict.kind) {
        case Judgement::Kind::ok:
          say("");
          break;
        case Judgement::Kind::fires:
          for (std::size_t s = 1; s <= static_cast<std::size_t>(verdict.severity); ++s) seen.raw[s] = true;
          say(verdict.message);
          break;
        case Judgement::Kind::unknown:
          seen.kind = Observation::Kind::no_verdict;
          seen.status = "unknown: " + verdict.message;
          say(verdict.message);
          break;
        case Judgement::Kind::error:
          seen.kind = Observation::Kind::error;
          seen.status = verdict.message;
          say(verdict.message);
          has_error = true;
          if (verdict.failure != Judgement::Failure::quarantined) ++counters.script_errors;
          complaint = verdict.message;
          break;
        case Judgement::Kind::missed:  // no verdict at this instant: clocks stand still, and it goes first next time
          seen.kind = Observation::Kind::no_verdict;
          seen.status = "missed";
          say(verdict.message);
          if (!run.missed_from) run.missed_from = labels;
          ++counters.missed;
          --counters.evaluations;  // which apply() counts
          break;
      }
      for (std::size_t s = 1; s < 4; ++s) seen.released[s] = !seen.raw[s];
    }
    apply(run, labels, *entry, seen, at, out);
  }
  if (run.is_grouped) absent_series(run, true, at, out);
  if (run.missed_from && (is_called || !missed_from)) run.missed_since = at;
  if ((has_error || !run.missed_from) && has_error != run.error.is_active)
    health(m, "error", run.error, has_error, has_error ? complaint : "the script judges again", at, out,
           scripts->find(m.judge));
  tell_overflow(run, refused, at, out);
}

void Core::State::tell_evicted(MonitorRuntime& run, Instant at, CoreOutput& out) {
  std::string full;
  for (const HandleId h : run.handles)
    if (full.empty()) full = metrics->full_join(h);
  if (full.empty() == !run.evicted.is_active) return;
  health(spec(run), "evicted", run.evicted, !full.empty(),
         full.empty() ? "predictions wait for their labels again" : full, at, out);
}

void Core::State::evaluate(MonitorRuntime& run, Instant at, bool by_arrival, CoreOutput& out) {
  run.last_evaluated = at;
  ++run.round;
  run.found = Found();
  if (is_plain) run.plan.generation = run.input_plan.generation = 0;
  if (run.judge >= 0)
    evaluate_judge(run, at, by_arrival, out);
  else
    evaluate_value(run, at, by_arrival, out);
  if (run.reads_join) tell_evicted(run, at, out);
  run.found.is_whole = run.found.is_whole && !is_plain && run.found.judged == run.entries.size();
  forget(run, at, out);
}

}  // namespace tidewatch
