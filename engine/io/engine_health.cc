// See engine_health.h.
#include "io/engine_health.h"

namespace tidewatch {

namespace {

LabelSet labels_of(const std::string& name, Severity severity) {
  return LabelSet(std::vector<std::pair<std::string, std::string>>{{"alertname", "tidewatch/" + name},
                                                                   {"severity", std::string(name_of(severity))}});
}

}  // namespace

void EngineHealth::tell(const std::string& name, const Condition& condition, bool is_over, const std::string& reason,
                        Instant at, const std::vector<Target>& targets, CoreOutput& out) {
  JournalRow row;
  row.at = at;
  row.monitor = "tidewatch/" + name;
  row.kind = "health";
  row.from = is_over ? "firing" : "ok";
  row.to = is_over ? "ok" : "firing";
  (is_over ? row.severity_from : row.severity_to) = name_of(condition.severity);
  row.reason = reason;
  row.evidence = "{}";
  out.journal.push_back(std::move(row));
  for (const Target& target : targets) {
    if (condition.severity < target.severity) continue;
    Notification n;
    n.at = at;
    n.notifier = target.notifier;
    n.pack = target.pack;
    n.event = is_over ? "resolved" : "firing";
    n.monitor = "tidewatch/" + name;
    n.labels = labels_of(name, condition.severity);
    n.severity = condition.severity;
    n.reason = reason;
    n.active_at = n.fired_at = condition.since;
    n.annotations.emplace_back("summary", reason);
    n.key = target.pack + "/" + target.notifier + "|tidewatch/" + name + "||" + (is_over ? "2" : "1") + "|" +
            std::to_string(at.ns);
    out.notifications.push_back(std::move(n));
  }
}

void EngineHealth::raise(const std::string& name, Severity severity, const std::string& reason, Instant at,
                         const std::vector<Target>& targets, CoreOutput& out) {
  const auto [it, is_new] = conditions_.emplace(name, Condition{severity, reason, at});
  if (is_new) tell(name, it->second, false, reason, at, targets, out);
}

void EngineHealth::settle(const std::string& name, const std::string& reason, Instant at,
                          const std::vector<Target>& targets, CoreOutput& out) {
  const auto found = conditions_.find(name);
  if (found == conditions_.end()) return;
  tell(name, found->second, true, reason, at, targets, out);
  conditions_.erase(found);
}

std::vector<AlertView> EngineHealth::alerts() const {
  std::vector<AlertView> out;
  for (const auto& [name, condition] : conditions_) {
    AlertView v;
    v.monitor = "tidewatch/" + name;
    v.pack = "tidewatch";
    v.labels = labels_of(name, condition.severity);
    v.state = AlertState::firing;
    v.severity = condition.severity;
    v.active_at = v.fired_at = condition.since;
    v.annotations.emplace_back("summary", condition.reason);
    v.reading.reason = condition.reason;
    out.push_back(std::move(v));
  }
  return out;
}

}  // namespace tidewatch
