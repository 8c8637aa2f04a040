// What changed, as journal rows with their evidence and as messages for the notifiers.
#include "core/state.h"

#include "base/text.h"
#include "monitors/template.h"
#include "monitors/wire_labels.h"

namespace tidewatch {

namespace {

std::string evidence_json(const Reading& r, const std::string& rule, Severity severity) {
  std::string out = "{";
  if (r.value) out += "\"value\":" + format_number(*r.value) + ",";
  if (!r.text.empty()) out += "\"text\":\"" + json_escape(r.text) + "\",";
  out += "\"n\":" + std::to_string(r.n) + ",\"nulls\":" + std::to_string(r.nulls) +
         ",\"excluded\":" + std::to_string(r.excluded) + ",\"status\":\"" + std::string(name_of(r.status)) + "\"";
  if (!r.reason.empty()) out += ",\"reason\":\"" + json_escape(r.reason) + "\"";
  if (r.to > r.from) out += ",\"from\":\"" + format_instant(r.from) + "\",\"to\":\"" + format_instant(r.to) + "\"";
  if (r.revision) out += ",\"revision\":" + std::to_string(r.revision);
  if (r.baseline) out += ",\"baseline\":" + baseline_json(r);
  if (r.coverage)
    out += ",\"coverage\":" + format_number(*r.coverage) + ",\"pending\":" + std::to_string(r.pending) +
           ",\"leaked\":" + std::to_string(r.leaked) + ",\"relabelled\":" + std::to_string(r.relabelled);
  if (const std::string threshold = thresholds_json(r.thresholds, static_cast<std::uint8_t>(severity));
      !threshold.empty())
    out += ",\"threshold\":" + threshold;
  if (!rule.empty()) out += ",\"rule\":\"" + json_escape(rule) + "\"";
  return out + "}";
}

// Text of a script in a template: its braces are braces.
std::string literal(const std::string& text) {
  std::string out;
  for (const char c : text) out.append(c == '{' || c == '}' ? 2 : 1, c);
  return out;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> render_annotations(const MonitorSpec& m, const LabelSet& by,
                                                                    Severity severity, std::optional<Instant> since,
                                                                    const Reading& reading) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, text] : m.annotations)
    out.emplace_back(name, render_template(text, {m, by, reading, severity, since}));
  return out;
}

std::string Core::State::rule_text(const MonitorSpec& m, Severity s) const {
  const auto& rule = m.rules[static_cast<std::size_t>(s)];
  return rule ? rule->describe() : std::string();
}

void Core::State::journal(const MonitorSpec& m, const LabelSet& labels, const Transition& t, const Reading& reading,
                          CoreOutput& out) {
  if (!out.keeps_journal) return;
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
  const Severity severity = t.severity_to != Severity::none ? t.severity_to : t.severity_from;
  row.evidence = evidence_json(reading, rule_text(m, severity), severity);
  out.journal.push_back(std::move(row));
}

void Core::State::notify(const MonitorSpec& m, const std::string& event, const LabelSet& labels, Severity severity,
                         const std::string& reason, Instant at, Instant active_at, Instant fired_at,
                         std::uint64_t& told, const Reading& reading, CoreOutput& out) {
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

void Core::State::tell(const MonitorSpec& m, const LabelSet& labels, Entry& e,
                       const std::vector<Transition>& transitions, CoreOutput& out) {
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

void Core::State::health(const MonitorSpec& m, const std::string& suffix, Health& h, bool is_active,
                         const std::string& reason, Instant at, CoreOutput& out, const ScriptUnit* unit) {
  if (is_active == h.is_active) return;
  h.is_active = is_active;
  if (is_active) h.since = at;
  MonitorSpec shown = m;
  shown.id += ":" + suffix;
  shown.name += ":" + suffix;
  shown.annotations.clear();
  shown.annotations.emplace_back("summary", literal(reason));
  if (unit != nullptr && is_active) {
    if (!unit->traceback.empty()) shown.annotations.emplace_back("traceback", literal(unit->traceback));
    if (unit->used.ns > 0)
      shown.annotations.emplace_back("cpu_time",
                                     format_number(static_cast<double>(unit->used.ns / 1000) / 1000) + " ms");
    if (unit->last_good > far_past) shown.annotations.emplace_back("last_good", format_instant(unit->last_good));
  }
  JournalRow row;
  row.at = at;
  row.monitor = shown.id;
  row.kind = suffix == "error" ? "script_error" : suffix;
  row.from = is_active ? "ok" : "firing";
  row.to = is_active ? "firing" : "ok";
  row.reason = reason;
  row.evidence = "{}";
  out.journal.push_back(row);
  notify(shown, is_active ? "firing" : "resolved", LabelSet(), Severity::warning, reason, at, h.since, h.since, h.told,
         Reading(), out);
}

void Core::State::tell_scripts(CoreOutput& out) {
  for (const ScriptChange& change : scripts->take_changes()) {
    const ScriptUnit& unit = scripts->units()[change.unit];
    MonitorSpec shown;
    shown.pack = pack.name;
    shown.name = unit.name;
    shown.id = pack.name + "/" + unit.name;
    if (change.kind == ScriptChange::Kind::quarantined || change.kind == ScriptChange::Kind::restored) {
      const bool is_barred = change.kind == ScriptChange::Kind::quarantined;
      JournalRow row;
      row.at = now;
      row.monitor = shown.id;
      row.kind = "script_quarantine";
      row.from = is_barred ? "called" : "quarantined";
      row.to = is_barred ? "quarantined" : "called";
      row.reason = is_barred ? "next try at " + format_instant(unit.next_trial) + ": " + unit.complaint
                             : "it works again, or was loaded anew";
      row.evidence = "{}";
      out.journal.push_back(std::move(row));
    } else if (unit.is_predicate) {
      const bool is_failing = change.kind == ScriptChange::Kind::failing;
      health(shown, "error", where_errors[unit.name], is_failing,
             is_failing ? unit.complaint : "the function chooses rows again", now, out, &unit);
    }
  }
}

}  // namespace tidewatch
