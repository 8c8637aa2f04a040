// /metrics in Prometheus text format 0.0.4, and the pages and JSON made of the same facts. Pure: facts in, text out, so
// that promtool and tests see exactly what a scraper sees.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/core.h"
#include "io/http_server.h"

namespace tidewatch {

// One group a name, HELP and TYPE first. Samples of a name must follow its family().
class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help);
  void sample(std::string_view name, const std::vector<std::pair<std::string, std::string>>& labels, double value);
  const std::string& text() const { return out_; }

 private:
  std::string out_;
};

// Durations in seconds, counted the way a Prometheus histogram tells them.
struct Durations {
  static constexpr std::array<double, 10> edges = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1};
  std::array<std::uint64_t, 11> counts{};
  double sum = 0;
  void add(double took);
};

struct CommitTimes : Durations {
  std::uint64_t failed = 0;
};

struct EngineFacts {
  std::string version;
  struct Stream {
    std::string pack, name;
    StreamCounters counters;
  };
  std::vector<Stream> streams;
  struct Join {
    std::string pack, stream;
    JoinCounters counters;
    std::uint64_t predictions = 0, labels = 0;
    std::size_t memory_bytes = 0;
  };
  std::vector<Join> joins;
  std::vector<AlertView> alerts;              // pending and firing
  std::vector<NeverQuiet> never_quiet;        // rules true at every verdict
  std::map<std::string, CoreCounters> packs;  // by pack
  struct Scripts {
    ScriptFacts host;
    std::uint64_t deferred = 0;
    std::size_t quarantined = 0;
  };
  std::map<std::string, Scripts> scripts;  // by pack
  CommitTimes commits;
  Durations tick_lateness;
  std::map<std::pair<std::string, std::string>, std::uint64_t> notifications;  // (notifier, result)
  HttpCounters http;
  std::size_t connections = 0, connections_held_bytes = 0;
  bool store_failing = false;
  bool has_reload_failed = false;  // the newest try
  Instant last_reload{};           // the newest that worked
  std::uint64_t reloads = 0, failed_reloads = 0;
};

inline constexpr const char* metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

std::string metrics_page(const EngineFacts& facts);
// {"status": "success", "data": {"alerts": [{activeAt, keepFiringSince, state, value, labels, annotations}]}}.
std::string alerts_json(const std::vector<AlertView>& alerts);
// A page of its own: alerts and streams, refreshed every 5 s, no script, nothing from elsewhere.
std::string home_page(const EngineFacts& facts);
// The Content-Security-Policy it is served with.
inline constexpr const char* home_page_policy =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
inline constexpr const char* home_page_style_path = "/style.css";
std::string home_page_style();

}  // namespace tidewatch
