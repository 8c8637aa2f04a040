// The machine-readable answer of `tidewatch backtest --json`. Keys are fixed; a consumer may rely on them.
#include <nlohmann/json.hpp>

#include "app/backtest.h"

namespace tidewatch {

using Json = nlohmann::ordered_json;

namespace {

Json labels_json(const LabelSet& labels) {
  Json out = Json::object();
  for (const auto& [name, value] : labels.pairs()) out[name] = value;
  return out;
}

Json optional_number(const std::optional<double>& v) { return v ? Json(*v) : Json(nullptr); }

Json spans_json(const MonitorHistory& m) {
  Json spans = Json::array();
  for (const auto& s : m.spans)
    spans.push_back({{"severity", name_of(s.severity)},
                     {"pending_from", format_instant(s.pending_from)},
                     {"from", format_instant(s.from)},
                     {"to", s.to ? Json(format_instant(*s.to)) : Json(nullptr)}});
  return spans;
}

}  // namespace

std::string backtest_json(const BacktestResult& result, const BacktestOptions& options) {
  Json out;
  out["pack"] = result.pack;
  out["records"] = result.records;
  out["evaluations"] = result.evaluations;
  out["seconds"] = result.read_seconds + result.run_seconds;
  out["from"] = format_instant(result.from);
  out["to"] = format_instant(result.to);
  out["rejected"] = result.rejected;
  out["rejected_by"] = Json::object();
  for (const auto& [reason, n] : result.rejected_by)
    out["rejected_by"][reason] = out["rejected_by"].value(reason, std::uint64_t{0}) + n;
  out["monitors"] = Json::array();
  for (const auto& m : result.monitors) {
    Json one{{"monitor", m.monitor}, {"labels", labels_json(m.labels)}, {"severity_spans", spans_json(m)}};
    one["pending_spans"] = Json::array();
    for (const auto& p : m.pending_only)
      one["pending_spans"].push_back(
          {{"from", format_instant(p.from)}, {"to", p.to ? Json(format_instant(*p.to)) : Json(nullptr)}});
    one["values"] = {{"n", m.evaluations}, {"last", optional_number(m.last)}};
    if (std::find(options.values.begin(), options.values.end(), m.monitor) != options.values.end()) {
      Json evaluated = Json::array();
      for (const auto& v : m.values) {
        const Json value = v.value ? Json(*v.value) : v.text.empty() ? Json(nullptr) : Json(v.text);
        evaluated.push_back(Json::array({format_instant(v.at), value, v.n, name_of(v.status)}));
      }
      one["evaluated"] = std::move(evaluated);
    }
    out["monitors"].push_back(std::move(one));
  }
  out["notifications"] = Json::array();
  for (const auto& n : result.notifications)
    out["notifications"].push_back({{"at", format_instant(n.at)},
                                    {"to", n.notifier},
                                    {"monitor", n.monitor.substr(n.monitor.find('/') + 1)},
                                    {"event", n.event},
                                    {"severity", name_of(n.severity)},
                                    {"labels", labels_json(n.labels)}});
  return out.dump(2) + "\n";
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
      by_monitor[m.monitor].monitor = m.monitor;
      for (const auto& s : m.spans)
        sides[m.monitor][m.labels.text() + std::string(name_of(s.severity)) + format_instant(s.from)] |= side;
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
  Json out{{"pack", ours.pack}, {"other", other.pack}, {"monitors", Json::array()}};
  for (const auto& d : differences(ours, other))
    out["monitors"].push_back(
        {{"monitor", d.monitor}, {"only_pack", d.only_ours}, {"only_other", d.only_other}, {"both", d.both}});
  out["notifications"] = {{"pack", ours.notifications.size()}, {"other", other.notifications.size()}};
  return out.dump(2) + "\n";
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
