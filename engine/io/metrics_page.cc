// See metrics_page.h.
#include "io/metrics_page.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace tidewatch {

namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

std::string escape_label(std::string_view s) {
  std::string out;
  for (const char c : s) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '"')
      out += "\\\"";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string number(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return format_number(v);
}

// [a-zA-Z_][a-zA-Z0-9_]*: a column may be named anything, a label may not.
std::string label_name(std::string_view s) {
  std::string out;
  for (const char c : s)
    out += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9') ? c : '_';
  if (out.empty() || (out[0] >= '0' && out[0] <= '9')) out = "_" + out;
  return out;
}

Labels alert_labels(const AlertView& alert) {
  Labels out;
  for (const auto& [name, value] : alert.labels.pairs()) out.emplace_back(label_name(name), value);
  return out;
}

std::string value_text(const Reading& reading) {
  return reading.value ? format_number(*reading.value) : reading.text.empty() ? "\u2013" : reading.text;
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  out_ += "# HELP ";
  out_ += name;
  out_ += ' ';
  out_ += help;
  out_ += "\n# TYPE ";
  out_ += name;
  out_ += ' ';
  out_ += type;
  out_ += '\n';
}

void Exposition::sample(std::string_view name, const Labels& labels, double value) {
  out_ += name;
  if (!labels.empty()) {
    out_ += '{';
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (i > 0) out_ += ',';
      out_ += labels[i].first + "=\"" + escape_label(labels[i].second) + "\"";
    }
    out_ += '}';
  }
  out_ += ' ' + number(value) + '\n';
}

void Durations::add(double took) {
  std::size_t i = 0;
  while (i < edges.size() && took > edges[i]) ++i;
  ++counts[i];
  sum += took;
}

namespace {

void script_families(Exposition& e, const EngineFacts& f) {
  e.family("tidewatch_script_cpu_seconds_total", "counter", "CPU time of a pack's Lua, by context.");
  for (const auto& [pack, s] : f.scripts)
    for (const auto& [context, seconds] : s.host.cpu_seconds)
      e.sample("tidewatch_script_cpu_seconds_total", {{"pack", pack}, {"context", context}}, seconds);
  e.family("tidewatch_script_calls_total", "counter", "Calls into a pack's Lua, by context and outcome.");
  for (const auto& [pack, s] : f.scripts)
    for (const auto& [key, n] : s.host.calls)
      e.sample("tidewatch_script_calls_total", {{"pack", pack}, {"context", key.first}, {"outcome", key.second}},
               static_cast<double>(n));
  e.family("tidewatch_script_errors_total", "counter", "Calls into a pack's Lua that failed, by kind.");
  for (const auto& [pack, s] : f.scripts)
    for (const auto& [kind, n] : s.host.errors)
      e.sample("tidewatch_script_errors_total", {{"pack", pack}, {"kind", kind}}, static_cast<double>(n));
  const auto each = [&](const char* name, const char* type, const char* help, auto value) {
    e.family(name, type, help);
    for (const auto& [pack, s] : f.scripts) e.sample(name, {{"pack", pack}}, static_cast<double>(value(s)));
  };
  using S = EngineFacts::Scripts;
  each("tidewatch_script_memory_bytes", "gauge", "Memory of a pack's Lua.", [](const S& s) { return s.host.memory; });
  each("tidewatch_script_memory_peak_bytes", "gauge", "The most it ever was.",
       [](const S& s) { return s.host.memory_peak; });
  each("tidewatch_script_memory_limit_bytes", "gauge", "The most it may be.",
       [](const S& s) { return s.host.memory_limit; });
  each("tidewatch_script_deferred_total", "counter", "Calls put off because Lua had used its quarter of a tick.",
       [](const S& s) { return s.deferred; });
  each("tidewatch_script_half_budget_total", "counter", "Calls that used more than half of their budget.",
       [](const S& s) { return s.host.half_budget; });
  each("tidewatch_script_stalls_total", "counter", "Calls that ran 250 ms past their budget.",
       [](const S& s) { return s.host.stalls; });
  each("tidewatch_script_quarantined_units", "gauge", "Monitors and row functions that are not called for now.",
       [](const S& s) { return s.quarantined; });
  each("tidewatch_script_dropped_output_bytes_total", "counter", "Output of print() beyond what a call may keep.",
       [](const S& s) { return s.host.dropped_output_bytes; });
  each("tidewatch_script_gc_seconds_total", "counter", "Time spent freeing Lua memory between calls.",
       [](const S& s) { return s.host.gc_seconds; });
  e.family("tidewatch_script_reloads_total", "counter", "Reloads of the packs, by result.");
  e.sample("tidewatch_script_reloads_total", {{"result", "ok"}}, static_cast<double>(f.reloads));
  e.sample("tidewatch_script_reloads_total", {{"result", "refused"}}, static_cast<double>(f.failed_reloads));
}

void histogram(Exposition& e, const std::string& name, std::string_view help, const Durations& seen) {
  e.family(name, "histogram", help);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i <= Durations::edges.size(); ++i) {
    below += seen.counts[i];
    const std::string edge = i < Durations::edges.size() ? number(Durations::edges[i]) : "+Inf";
    e.sample(name + "_bucket", {{"le", edge}}, static_cast<double>(below));
  }
  e.sample(name + "_sum", {}, seen.sum);
  e.sample(name + "_count", {}, static_cast<double>(below));
}

}  // namespace

std::string metrics_page(const EngineFacts& f) {
  Exposition e;
  const auto count = [](std::uint64_t n) { return static_cast<double>(n); };
  e.family("tidewatch_build_info", "gauge", "The version that runs; always 1.");
  e.sample("tidewatch_build_info", {{"version", f.version}}, 1);

  const auto per_stream = [&](const char* name, const char* type, const char* help, auto value) {
    e.family(name, type, help);
    for (const auto& s : f.streams) e.sample(name, {{"pack", s.pack}, {"stream", s.name}}, value(s.counters));
  };
  per_stream("tidewatch_records_received_total", "counter", "Records delivered, rejected ones included.",
             [&](const StreamCounters& c) { return count(c.received); });
  per_stream("tidewatch_records_accepted_total", "counter", "Records that landed.",
             [&](const StreamCounters& c) { return count(c.accepted); });
  per_stream("tidewatch_records_late_total", "counter", "Records that landed behind the watermark.",
             [&](const StreamCounters& c) { return count(c.late); });
  e.family("tidewatch_records_rejected_total", "counter", "Records rejected, by reason.");
  for (const auto& s : f.streams)
    for (const auto& [reason, n] : s.counters.rejected_by)
      e.sample("tidewatch_records_rejected_total", {{"pack", s.pack}, {"stream", s.name}, {"reason", reason}},
               count(n));
  e.family("tidewatch_stream_watermark_seconds", "gauge", "Event time up to which windows are closed, Unix seconds.");
  for (const auto& s : f.streams)
    if (s.counters.watermark > Instant{0})
      e.sample("tidewatch_stream_watermark_seconds", {{"pack", s.pack}, {"stream", s.name}},
               static_cast<double>(s.counters.watermark.ns) / 1e9);

  // Gauges, though most only grow: a label taken for a leak may yet meet an earlier score of its id.
  e.family("tidewatch_join_rows", "gauge", "Rows of joined streams by what became of them.");
  for (const auto& j : f.joins)
    for (const auto& [outcome, n] : j.counters.all())
      e.sample("tidewatch_join_rows", {{"pack", j.pack}, {"stream", j.stream}, {"outcome", std::string(outcome)}},
               count(n));
  e.family("tidewatch_join_waiting_rows", "gauge", "Rows of joined streams that may still change something.");
  for (const auto& j : f.joins)
    for (const auto& [side, n] : {std::pair("predictions", j.predictions), std::pair("labels", j.labels)})
      e.sample("tidewatch_join_waiting_rows", {{"pack", j.pack}, {"stream", j.stream}, {"side", side}}, count(n));
  e.family("tidewatch_join_waiting_bytes", "gauge", "Memory those rows take.");
  for (const auto& j : f.joins)
    e.sample("tidewatch_join_waiting_bytes", {{"pack", j.pack}, {"stream", j.stream}}, count(j.memory_bytes));

  std::map<std::pair<std::string, std::string>, std::uint64_t> by_state;
  for (const auto& a : f.alerts)
    ++by_state[{std::string(name_of(a.state)),
                a.severity == Severity::none ? "none" : std::string(name_of(a.severity))}];
  for (const char* severity : {"info", "warning", "critical"}) by_state[{"firing", severity}] += 0;
  by_state[{"pending", "none"}] += 0;
  e.family("tidewatch_alerts", "gauge", "Alerts by state and severity.");
  for (const auto& [key, n] : by_state)
    e.sample("tidewatch_alerts", {{"state", key.first}, {"severity", key.second}}, count(n));

  // Prometheus's own names for the same facts. Two alerts may not share a series: the first (worst) stands for both.
  std::map<std::string, bool> said;
  e.family("tidewatch_never_quiet_rules", "gauge", "Rules that were true at every verdict, by pack.");
  for (const auto& [pack, counters] : f.packs)
    e.sample("tidewatch_never_quiet_rules", {{"pack", pack}},
             static_cast<double>(std::count_if(f.never_quiet.begin(), f.never_quiet.end(),
                                               [&name = pack](const auto& each) { return each.pack == name; })));
  e.family("ALERTS", "gauge", "Pending and firing alerts, as Prometheus shows its own; always 1.");
  for (const auto& a : f.alerts) {
    if (a.state != AlertState::pending && a.state != AlertState::firing) continue;
    Labels labels = alert_labels(a);
    labels.emplace_back("alertstate", std::string(name_of(a.state)));
    std::string key;
    for (const auto& [name, value] : labels) key += name + "\xff" + value + "\xff";
    if (!said.emplace(key, true).second) continue;
    e.sample("ALERTS", labels, 1);
  }
  said.clear();
  e.family("ALERTS_FOR_STATE", "gauge", "Since when an alert is active, Unix seconds.");
  for (const auto& a : f.alerts) {
    if ((a.state != AlertState::pending && a.state != AlertState::firing) || !a.active_at) continue;
    const Labels labels = alert_labels(a);
    std::string key;
    for (const auto& [name, value] : labels) key += name + "\xff" + value + "\xff";
    if (!said.emplace(key, true).second) continue;
    e.sample("ALERTS_FOR_STATE", labels, std::floor(static_cast<double>(a.active_at->ns) / 1e9));
  }

  const auto per_pack = [&](const char* name, const char* help, auto value) {
    e.family(name, "counter", help);
    for (const auto& [pack, c] : f.packs) e.sample(name, {{"pack", pack}}, count(value(c)));
  };
  per_pack("tidewatch_evaluations_total", "Monitor evaluations.", [](const CoreCounters& c) { return c.evaluations; });
  per_pack("tidewatch_evaluations_missed_total", "Due instants that passed unevaluated.",
           [](const CoreCounters& c) { return c.missed; });
  script_families(e, f);

  histogram(e, "tidewatch_tick_lateness_seconds",
            "From the instant monitors were due until the last of them was judged.", f.tick_lateness);
  histogram(e, "tidewatch_store_commit_seconds", "Time of one store commit.", f.commits);
  e.family("tidewatch_http_connections", "gauge", "Open connections to the listener.");
  e.sample("tidewatch_http_connections", {}, static_cast<double>(f.connections));
  e.family("tidewatch_http_held_bytes", "gauge", "Memory of requests and answers in flight.");
  e.sample("tidewatch_http_held_bytes", {}, static_cast<double>(f.connections_held_bytes));
  e.family("tidewatch_http_requests_total", "counter", "Requests that were read to their end.");
  e.sample("tidewatch_http_requests_total", {}, count(f.http.requests));
  e.family("tidewatch_http_refused_total", "counter", "Connections and requests refused by the listener, by reason.");
  for (const auto& [reason, n] : {std::pair{"full", f.http.refused}, std::pair{"handshake", f.http.handshakes_failed},
                                  std::pair{"late", f.http.late}, std::pair{"malformed", f.http.malformed},
                                  std::pair{"unauthorized", f.http.unauthorized}})
    e.sample("tidewatch_http_refused_total", {{"reason", reason}}, count(n));
  e.family("tidewatch_store_commits_failed_total", "counter", "Commits that failed and were kept to be tried again.");
  e.sample("tidewatch_store_commits_failed_total", {}, count(f.commits.failed));
  e.family("tidewatch_store_failing", "gauge", "1 while what was applied cannot be written.");
  e.sample("tidewatch_store_failing", {}, f.store_failing ? 1 : 0);

  e.family("tidewatch_last_reload_successful", "gauge", "0 when the newest reload was refused and older packs run on.");
  e.sample("tidewatch_last_reload_successful", {}, f.has_reload_failed ? 0 : 1);
  e.family("tidewatch_last_reload_success_seconds", "gauge", "When packs were last taken over, Unix seconds.");
  e.sample("tidewatch_last_reload_success_seconds", {}, static_cast<double>(f.last_reload.ns) / 1e9);

  e.family("tidewatch_notifications_total", "counter", "Attempts to send, by notifier and result.");
  for (const auto& [key, n] : f.notifications)
    e.sample("tidewatch_notifications_total", {{"notifier", key.first}, {"result", key.second}}, count(n));
  return e.text();
}

std::string alerts_json(const std::vector<AlertView>& alerts) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& a : alerts) {
    if (a.state != AlertState::pending && a.state != AlertState::firing) continue;
    nlohmann::ordered_json item;
    item["activeAt"] = a.active_at ? nlohmann::ordered_json(format_instant(*a.active_at)) : nlohmann::ordered_json();
    if (a.keep_since) item["keepFiringSince"] = format_instant(*a.keep_since);
    item["state"] = std::string(name_of(a.state));
    char value[40] = "NaN";
    if (a.reading.value) {
      // Prometheus's form: the shortest digits that read back, always with an exponent.
      for (int digits = 0; digits <= 17; ++digits) {
        std::snprintf(value, sizeof value, "%.*e", digits, *a.reading.value);
        if (std::strtod(value, nullptr) == *a.reading.value) break;
      }
    }
    item["value"] = value;
    item["labels"] = nlohmann::ordered_json::object();
    for (const auto& [name, text] : a.labels.pairs()) item["labels"][name] = text;
    item["annotations"] = nlohmann::ordered_json::object();
    for (const auto& [name, text] : a.annotations) item["annotations"][name] = text;
    if (!a.held.empty()) item["held"] = a.held;
    list.push_back(std::move(item));
  }
  const nlohmann::ordered_json out = {{"status", "success"}, {"data", {{"alerts", std::move(list)}}}};
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string home_page_style() {
  return "body{font:15px/1.4 system-ui,sans-serif;margin:2rem;color:#1b2430;background:#fff}"
         "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
         "th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #d5dbe3;vertical-align:top}"
         ".critical{color:#a3121f;font-weight:600}.warning{color:#8a5300;font-weight:600}.info{color:#1d4f91}"
         ".number{text-align:right;font-variant-numeric:tabular-nums}"
         "@media(prefers-color-scheme:dark){body{background:#12161c;color:#dfe5ec}th,td{border-color:#333c48}"
         ".critical{color:#ff7b86}.warning{color:#f0b35a}.info{color:#85b7ff}}\n";
}

std::string home_page(const EngineFacts& f) {
  std::string out =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>Tidewatch</title>"
      "<link rel=\"stylesheet\" href=\"/style.css\"></head><body><h1>Tidewatch</h1>";
  if (f.store_failing) out += "<p class=\"critical\">The store cannot be written; deliveries are answered 503.</p>";
  out += "<h2>Alerts</h2>";
  if (f.alerts.empty()) {
    out += "<p>None.</p>";
  } else {
    out +=
        "<table><thead><tr><th>State</th><th>Monitor</th><th>Labels</th><th>Value</th><th>Rows</th><th>Since</th>"
        "<th></th></tr></thead><tbody>";
    for (const auto& a : f.alerts) {
      const std::string severity = a.severity == Severity::none ? "" : std::string(name_of(a.severity));
      LabelSet shown = a.labels;
      for (const char* known : {"alertname", "pack", "severity"}) shown.set(known, "");
      out += "<tr><td class=\"" + severity + "\">" + markup_escape(name_of(a.state)) + " " + severity + "</td><td>" +
             markup_escape(a.pack + "/" + a.monitor) + "</td><td>" +
             (shown.empty() ? std::string() : markup_escape(shown.text())) + "</td><td>" +
             markup_escape(value_text(a.reading)) + "</td><td class=\"number\">" + with_thousands(a.reading.n) +
             "</td><td>" + (a.active_at ? format_instant(*a.active_at) : std::string()) + "</td><td>" +
             markup_escape(a.held) + "</td></tr>";
    }
    out += "</tbody></table>";
  }
  if (!f.never_quiet.empty()) {
    out +=
        "<h2>Never quiet</h2><p>True at every verdict so far: these rules tell nobody anything.</p><table><thead><tr>"
        "<th>Monitor</th><th>Labels</th><th>Rule</th><th>Value</th><th class=\"number\">Verdicts</th><th>Since</th>"
        "</tr></thead><tbody>";
    for (const auto& r : f.never_quiet)
      out += "<tr><td>" + markup_escape(r.pack + "/" + r.monitor) + "</td><td>" +
             (r.labels.empty() ? std::string() : markup_escape(r.labels.text())) + "</td><td class=\"" +
             std::string(name_of(r.severity)) + "\">" + markup_escape(std::string(name_of(r.severity)) + " " + r.rule) +
             "</td><td>" + markup_escape(value_text(r.reading)) + "</td><td class=\"number\">" +
             with_thousands(r.verdicts) + "</td><td>" + format_instant(r.since) + "</td></tr>";
    out += "</tbody></table>";
  }
  out +=
      "<h2>Streams</h2><table><thead><tr><th>Stream</th><th class=\"number\">Accepted</th>"
      "<th class=\"number\">Rejected</th><th class=\"number\">Late</th><th>Newest record</th></tr></thead><tbody>";
  for (const auto& s : f.streams) {
    std::uint64_t rejected = 0;
    for (const auto& [reason, n] : s.counters.rejected_by) rejected += n;
    out += "<tr><td>" + markup_escape(s.pack + "/" + s.name) + "</td><td class=\"number\">" +
           with_thousands(s.counters.accepted) + "</td><td class=\"number\">" + with_thousands(rejected) +
           "</td><td class=\"number\">" + with_thousands(s.counters.late) + "</td><td>" +
           (s.counters.newest_event > far_past ? format_instant(s.counters.newest_event) : std::string("\u2013")) +
           "</td></tr>";
  }
  out += "</tbody></table></body></html>\n";
  return out;
}

}  // namespace tidewatch
