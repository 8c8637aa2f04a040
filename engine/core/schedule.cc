// When a monitor is looked at again. A quiet and settled one sleeps until its next deadline or the next row: ten
// thousand idle monitors then cost nothing.
#include "core/state.h"

#include <algorithm>

namespace tidewatch {

void Core::State::forget(MonitorRuntime& run, Instant at, CoreOutput& out) {
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

void Core::State::schedule(MonitorRuntime& run) {
  const MonitorSpec& m = spec(run);
  // A `when` that reads nothing of the engine goes by its clock.
  const bool is_free = m.judge >= 0 && m.inputs.empty();
  bool is_settled = !run.error.is_active && !run.missed_from && !is_free && !has_absent(m);
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

bool Core::State::has_absent(const Condition& c) {
  return c.kind == Condition::Kind::absent ||
         std::any_of(c.members.begin(), c.members.end(), [](const Condition& x) { return has_absent(x); });
}

bool Core::State::has_absent(const MonitorSpec& m) {
  return std::any_of(m.rules.begin(), m.rules.end(), [](const auto& r) { return r && has_absent(r->condition); });
}

}  // namespace tidewatch
