// What a person reads after `tidewatch backtest`: one line a monitor, noisiest first, then what was rejected.
#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "app/backtest.h"
#include "base/text.h"

namespace tidewatch {

namespace {

Duration total_firing(const MonitorHistory& m, Instant end) {
  Duration sum{0};
  for (const auto& s : m.spans) sum = sum + (s.to.value_or(end) - s.from);
  return sum;
}

// "52d 4h": two units are enough to compare by eye.
std::string rounded(Duration d) {
  const std::string exact = format_duration(d);
  const auto second = exact.find(' ');
  return second == std::string::npos ? exact : exact.substr(0, exact.find(' ', second + 1));
}

std::string padded(const std::string& s, std::size_t width) {
  std::size_t seen = 0;
  for (const unsigned char c : s) seen += (c & 0xC0) != 0x80;
  return seen >= width ? s : s + std::string(width - seen, ' ');
}

}  // namespace

std::string backtest_text(const BacktestResult& result, bool use_color) {
  const auto paint = [&](const char* code, const std::string& s) {
    return use_color ? "\033[" + std::string(code) + "m" + s + "\033[0m" : s;
  };
  std::string out;
  char line[400];
  std::snprintf(line, sizeof line, "%s: %s records from %s to %s, %s evaluations in %.2f s\n", result.pack.c_str(),
                with_thousands(result.records).c_str(), format_instant(result.from).c_str(),
                format_instant(result.to).c_str(), with_thousands(result.evaluations).c_str(),
                result.read_seconds + result.run_seconds);
  out += line;
  std::vector<const MonitorHistory*> order;
  for (const auto& m : result.monitors) order.push_back(&m);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return a->spans.size() > b->spans.size(); });
  const double span = (result.to - result.from).seconds();
  out += "\n  " + padded("monitor", 40) + padded("fired", 8) + padded("firing for", 14) + padded("share", 8) +
         padded("longest", 14) + padded("near misses", 13) + "last value\n";
  for (const auto* m : order) {
    Duration longest{0};
    bool is_firing = false;
    for (const auto& s : m->spans) {
      longest = std::max(longest, s.to.value_or(result.to) - s.from);
      is_firing |= !s.to;
    }
    const Duration total = total_firing(*m, result.to);
    std::snprintf(line, sizeof line, "%.1f %%", span > 0 ? 100.0 * total.seconds() / span : 0.0);
    const std::string name = m->monitor->name + (m->labels.empty() ? "" : " " + m->labels.text());
    std::string row = padded(name, 40) + padded(std::to_string(m->spans.size()), 8) +
                      padded(m->spans.empty() ? "-" : rounded(total), 14) + padded(m->spans.empty() ? "-" : line, 8) +
                      padded(m->spans.empty() ? "-" : rounded(longest), 14) +
                      padded(std::to_string(m->pending_only.size()), 13) + (m->last ? format_number(*m->last) : "-") +
                      (is_firing ? "  still firing" : "");
    out += "  " + (m->spans.empty() ? row : paint(is_firing ? "31" : "33", row)) + "\n";
  }
  // What false_alarms made of the thresholds, once a monitor: its label sets differ by their rows only.
  std::set<std::string> shown;
  for (const auto* m : order)
    for (const auto& t : m->in_force) {
      const std::string severity(name_of(static_cast<Severity>(t.severity)));
      if (!shown.insert(m->monitor->name + " " + severity + (t.is_above ? " above" : " below")).second) continue;
      std::snprintf(line, sizeof line, "%.4g", t.in_force);
      out += (shown.size() == 1 ? "\n" : "") + ("  " + m->monitor->name) + " " + severity + ": " +
             format_number(t.asked) + " asked, " + line + " in force at the end for " + t.false_alarms +
             (t.is_inflation_measured ? "" : " (rows taken as independent)") + "\n" +
             (t.note.empty() ? "" : "    " + t.note + "\n");
    }
  bool has_never_quiet = false;
  for (const auto* m : order)
    for (const auto& rule : m->never_quiet) {
      if (!std::exchange(has_never_quiet, true))
        out += "\n  never quiet: true at every verdict, so they tell nobody anything\n";
      const auto condition = std::find_if(m->monitor->thresholds.begin(), m->monitor->thresholds.end(),
                                          [&](const auto& each) { return each.first == rule.severity; });
      const std::string quieter =
          condition == m->monitor->thresholds.end() ? "" : quieter_text(rule, condition->second);
      out += "    " + m->monitor->name + (m->labels.empty() ? "" : " " + m->labels.text()) + ": " +
             std::string(name_of(rule.severity)) + " " + rule.rule + ", " + with_thousands(m->verdicts) +
             " verdicts since " + format_instant(m->first_verdict) + (quieter.empty() ? "" : "; " + quieter) + "\n";
    }
  std::map<std::string, std::uint64_t> told;
  for (const auto& n : result.notifications) ++told[n.notifier];
  out += "\n  notifications: ";
  if (told.empty()) out += "none";
  bool is_first = true;
  for (const auto& [to, n] : told) {
    out += (is_first ? "" : ", ") + to + " " + std::to_string(n);
    is_first = false;
  }
  out += "\n";
  if (result.rejected) {
    out += "  rejected rows: " + with_thousands(result.rejected);
    for (const auto& [reason, n] : result.rejected_by) out += "  " + reason + " " + with_thousands(n);
    out += "\n";
    for (std::size_t i = 0; i < std::min<std::size_t>(3, result.first_rejects.size()); ++i) {
      const auto& r = result.first_rejects[i];
      out += "    line " + std::to_string(r.line) + ": " + r.reason + ": " + r.detail + "\n";
    }
  }
  return out;
}

}  // namespace tidewatch
