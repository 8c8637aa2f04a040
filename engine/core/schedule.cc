// When a monitor is looked at again. A quiet and settled one sleeps until its next deadline or the next row: ten
// thousand idle monitors then cost nothing.
#include "core/state.h"

#include <algorithm>

namespace tidewatch {

void Core::State::forget(MonitorRuntime& run, Instant at, CoreOutput& out) {
  const MonitorSpec& m = spec(run);
  const bool has_old = run.found.oldest_seen != far_future && at - run.found.oldest_seen >= m.forget_after;
  if (run.found.is_whole && !has_old) return;
  for (auto it = run.entries.begin(); it != run.entries.end();) {
    Entry& e = it->second;
    if (it->first.empty() || e.last_seen == far_past || at - e.last_seen < m.forget_after) {
      ++it;
      continue;
    }
    moves.clear();
    e.instance.end(at, "forgotten", moves);
    tell(m, it->first, e, moves, out);
    it = run.entries.erase(it);
    run.found.is_whole = false;
    run.plan.generation = run.input_plan.generation = 0;
  }
}

void Core::State::schedule(MonitorRuntime& run) {
  // A `when` that reads nothing of the engine goes by its clock.
  const bool is_free = run.judge >= 0 && spec(run).inputs.empty();
  bool is_settled = !run.error.is_active && !run.missed_from && !is_free && !run.has_absent;
  Instant deadline = run.found.deadline;
  if (run.found.is_whole) {
    is_settled = is_settled && run.found.is_settled;
  } else {
    deadline = far_future;
    for (const auto& [labels, e] : run.entries) {
      is_settled = is_settled && e.instance.is_settled(run.rules);
      deadline = std::min(deadline, e.instance.next_deadline(run.last_evaluated, run.rules));
      if (!labels.empty() && e.last_seen != far_past)
        deadline = std::min(deadline, e.last_seen + spec(run).forget_after);
    }
  }
  bool is_quiet = true;
  for (const HandleId h : run.handles) is_quiet = is_quiet && metrics->is_quiet(h, now);
  const Instant after = std::max(run.last_evaluated, now);
  const Instant next_interval = floor_to(after, run.every) + run.every;
  const Instant next_deadline = deadline == far_future ? far_future
                                                       : ceil_to(std::max(deadline, after + nanoseconds(1)),
                                                                 run.on_arrival ? seconds(1) : run.every);
  if (is_quiet && is_settled)
    set_due(run, next_deadline);
  else if (is_quiet && run.on_arrival)
    set_due(run, next_deadline == far_future ? next_interval : next_deadline);
  else
    set_due(run, std::min(next_interval, next_deadline));
  if (run.on_arrival) return;
  for (std::size_t i = 0; i < run.streams.size(); ++i) {
    if (run.waits_for_rows[i]) continue;
    run.waits_for_rows[i] = 1;
    sleepers[run.streams[i]].push_back(index_of(run));
  }
}

void Core::State::set_due(MonitorRuntime& run, Instant at) {
  run.next_due = at;
  if (at != far_future) due[at].push_back(index_of(run));
}

void Core::State::set_all_due_again() {
  due.clear();
  for (auto& list : sleepers) list.clear();
  for (auto& run : monitors) {
    if (run.next_due != far_future) due[run.next_due].push_back(index_of(run));
    run.waits_for_rows.assign(run.streams.size(), 0);
    if (spec(run).on_arrival) continue;
    for (std::size_t i = 0; i < run.streams.size(); ++i) {
      run.waits_for_rows[i] = 1;
      sleepers[run.streams[i]].push_back(index_of(run));
    }
  }
}

void Core::State::wake(MonitorRuntime& run) {
  // Once woken, later rows find it due no later than they would make it, until it is scheduled again.
  if (run.next_due == far_future || run.next_due == far_past) {
    Instant next = ceil_to(now, run.every);
    if (run.last_evaluated != far_past && next <= run.last_evaluated) next = run.last_evaluated + run.every;
    set_due(run, next);
    return;
  }
  // Asleep until a deadline: rows wake it earlier.
  const Instant next =
      std::max(ceil_to(now, run.every), run.last_evaluated == far_past ? far_past : run.last_evaluated + run.every);
  if (next < run.next_due) set_due(run, next);
}

bool Core::State::has_absent(const Condition& c) {
  return c.kind == Condition::Kind::absent ||
         std::any_of(c.members.begin(), c.members.end(), [](const Condition& x) { return has_absent(x); });
}

bool Core::State::has_absent(const MonitorSpec& m) {
  return std::any_of(m.rules.begin(), m.rules.end(), [](const auto& r) { return r && has_absent(r->condition); });
}

}  // namespace tidewatch
