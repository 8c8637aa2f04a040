// The machine-readable answer of `tidewatch backtest --json`. Keys are fixed; a consumer may rely on them.
#include <algorithm>
#include <map>

#include "app/backtest.h"
#include "app/json_text.h"

namespace tidewatch {

namespace {

void instant(JsonText& out, std::string_view name, const std::optional<Instant>& at) {
  out.key(name);
  if (at)
    out.text(format_instant(*at));
  else
    out.null();
}

void labels(JsonText& out, const LabelSet& labels) {
  out.key("labels").object();
  for (const auto& [name, value] : labels.pairs()) out.key(name).text(value);
  out.end();
}

// Where false_alarms were asked: what they made of the thresholds.
void thresholds(JsonText& out, const std::vector<ThresholdInForce>& in_force) {
  if (in_force.empty()) return;
  out.key("thresholds").array();
  for (const ThresholdInForce& t : in_force) {
    out.object().key("severity").text(name_of(static_cast<Severity>(t.severity)));
    out.key("asked").number(t.asked).key("in_force").number(t.in_force);
    out.key("false_alarms").text(t.false_alarms).key("alpha").number(t.alpha).key("inflation").number(t.inflation);
    if (!t.is_inflation_measured) out.key("inflation_is").text("assumed");
    if (!t.note.empty()) out.key("note").text(t.note);
    out.end();
  }
  out.end();
}

void history(JsonText& out, const MonitorHistory& m, bool has_values) {
  out.object();
  out.key("monitor").text(m.monitor->name);
  labels(out, m.labels);
  out.key("severity_spans").array();
  for (const auto& s : m.spans) {
    out.object().key("severity").text(name_of(s.severity));
    instant(out, "pending_from", s.pending_from);
    instant(out, "from", s.from);
    instant(out, "to", s.to);
    out.end();
  }
  out.end();
  out.key("pending_spans").array();
  for (const auto& p : m.pending_only) {
    out.object();
    instant(out, "from", p.from);
    instant(out, "to", p.to);
    out.end();
  }
  out.end();
  out.key("values").object().key("n").whole(m.evaluations).key("last");
  if (m.last)
    out.number(*m.last);
  else
    out.null();
  out.end();
  thresholds(out, m.in_force);
  out.key("never_quiet").array();
  for (const auto& rule : m.never_quiet) {
    out.object().key("severity").text(name_of(rule.severity)).key("rule").text(rule.rule);
    instant(out, "since", m.first_verdict);
    out.key("verdicts").whole(m.verdicts).key("quieter").array();
    for (const auto& [threshold, share] : rule.quieter)
      out.object().key("threshold").number(threshold).key("quiet_share").number(share).end();
    out.end().end();
  }
  out.end();
  if (m.baseline) {
    out.key("baseline").object().key("name").text(m.baseline->name).key("n").whole(m.baseline_n);
    if (m.baseline->to > m.baseline->from) {
      instant(out, "from", m.baseline->from);
      instant(out, "to", m.baseline->to);
    }
    if (!m.baseline->hash.empty()) out.key("hash").text(m.baseline->hash);
    out.end();
  }
  if (has_values) {
    out.key("evaluated").array();
    for (const auto& v : m.values) {
      out.array().text(format_instant(v.at));
      if (v.value)
        out.number(*v.value);
      else if (v.text.empty())
        out.null();
      else
        out.text(v.text);
      out.whole(v.n).text(name_of(v.status));
      if (!v.in_force.empty()) {
        out.array();
        for (const double threshold : v.in_force) out.number(threshold);
        out.end();
      }
      out.end();
    }
    out.end();
  }
  out.end();
}

}  // namespace

std::string backtest_json(const BacktestResult& result, const BacktestOptions& options) {
  JsonText out;
  out.reserve(4096 + 320 * result.monitors.size());  // a label set without spans is about that long
  out.object();
  out.key("pack").text(result.pack);
  out.key("records").whole(result.records);
  out.key("evaluations").whole(result.evaluations);
  out.key("seconds").number(result.read_seconds + result.run_seconds);
  out.key("from").text(format_instant(result.from));
  out.key("to").text(format_instant(result.to));
  out.key("rejected").whole(result.rejected);
  out.key("rejected_by").object();
  for (auto one = result.rejected_by.begin(); one != result.rejected_by.end(); ++one) {
    const auto is_it = [&](const auto& other) { return other.first == one->first; };
    if (std::any_of(result.rejected_by.begin(), one, is_it)) continue;
    std::uint64_t n = 0;
    for (auto other = one; other != result.rejected_by.end(); ++other)
      if (is_it(*other)) n += other->second;
    out.key(one->first).whole(n);
  }
  out.end();
  out.key("monitors").array();
  for (const auto& m : result.monitors) {
    const auto& asked = options.values;
    history(out, m, std::find(asked.begin(), asked.end(), m.monitor->name) != asked.end());
  }
  out.end();
  out.key("notifications").array();
  for (const auto& n : result.notifications) {
    out.object().key("at").text(format_instant(n.at)).key("to").text(n.notifier);
    out.key("monitor").text(n.monitor.substr(n.monitor.find('/') + 1)).key("event").text(n.event);
    out.key("severity").text(name_of(n.severity));
    labels(out, n.labels);
    out.end();
  }
  out.end().end();
  return out.take() + "\n";
}

namespace {

struct Difference {
  std::string monitor;
  std::size_t only_ours = 0, only_other = 0, both = 0;
};

// Spans are the same when monitor, labels, severity and the instant of firing agree.
std::vector<Difference> differences(const BacktestResult& ours, const BacktestResult& other) {
  std::map<std::string, Difference> by_monitor;
  std::map<std::string, std::map<std::string, int>> sides;
  const auto add = [&](const BacktestResult& r, int side) {
    for (const auto& m : r.monitors) {
      by_monitor[m.monitor->name].monitor = m.monitor->name;
      for (const auto& s : m.spans)
        sides[m.monitor->name][m.labels.text() + std::string(name_of(s.severity)) + format_instant(s.from)] |= side;
    }
  };
  add(ours, 1);
  add(other, 2);
  std::vector<Difference> out;
  for (auto& [name, d] : by_monitor) {
    for (const auto& [key, side] : sides[name]) ++(side == 1 ? d.only_ours : side == 2 ? d.only_other : d.both);
    out.push_back(d);
  }
  return out;
}

}  // namespace

std::string compare_json(const BacktestResult& ours, const BacktestResult& other) {
  JsonText out;
  out.object().key("pack").text(ours.pack).key("other").text(other.pack).key("monitors").array();
  for (const auto& d : differences(ours, other)) {
    out.object().key("monitor").text(d.monitor).key("only_pack").whole(d.only_ours);
    out.key("only_other").whole(d.only_other).key("both").whole(d.both).end();
  }
  out.end().key("notifications").object().key("pack").whole(ours.notifications.size());
  out.key("other").whole(other.notifications.size()).end().end();
  return out.take() + "\n";
}

std::string compare_text(const BacktestResult& ours, const BacktestResult& other) {
  std::string out = "\nFirings compared: " + ours.pack + " against " + other.pack + "\n\n";
  char line[200];
  std::snprintf(line, sizeof line, "  %-34s %10s %10s %10s\n", "monitor", "only here", "only there", "both");
  out += line;
  for (const auto& d : differences(ours, other)) {
    std::snprintf(line, sizeof line, "  %-34s %10zu %10zu %10zu\n", d.monitor.c_str(), d.only_ours, d.only_other,
                  d.both);
    out += line;
  }
  out += "  notifications: " + std::to_string(ours.notifications.size()) + " here, " +
         std::to_string(other.notifications.size()) + " there\n";
  return out;
}

}  // namespace tidewatch
