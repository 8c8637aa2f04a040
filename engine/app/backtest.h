// A pack over history, at full speed: engine time follows the data, ticks are those the core asks for. The same core
// as live; only the clock is another.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/data_files.h"
#include "bindings/script_pack.h"
#include "core/core.h"

namespace tidewatch {

struct BacktestOptions {
  std::map<std::string, std::vector<std::string>> data;  // stream -> files
  Instant from = far_past, to = far_future;              // event time, half open
  std::vector<std::string> values;                       // monitors whose every evaluation is kept
  bool keep_values = false;                              // all of them (HTML)
};

struct SeveritySpan {
  Severity severity;
  Instant pending_from, from;
  std::optional<Instant> to;  // empty: still so at the end of the data
};

struct PendingSpan {  // pending and never firing
  Instant from;
  std::optional<Instant> to;  // empty: still pending at the end of the data
};

struct EvaluatedValue {
  Instant at;
  std::optional<double> value;
  std::string text;
  std::uint64_t n;
  Status status;
  AlertState state;
  Severity severity;
  std::vector<double> in_force;  // thresholds, where false_alarms were asked
};

// What all label sets of a monitor have in common.
struct JudgedMonitor {
  std::string name, layer, rule;  // rule: the conditions in words
  std::vector<std::pair<Severity, Condition>> thresholds;
};

struct MonitorHistory {
  std::shared_ptr<const JudgedMonitor> monitor;
  LabelSet labels;
  std::vector<SeveritySpan> spans;
  std::vector<PendingSpan> pending_only;
  std::uint64_t evaluations = 0, not_ok = 0;
  std::optional<double> last;
  std::vector<ThresholdInForce> in_force;  // at the last verdict, where false_alarms were asked
  std::vector<EvaluatedValue> values;
  // Rules that were true at every verdict, worst first, and where simple ones would have been quiet.
  struct NeverQuiet {
    Severity severity;
    std::string rule;
    // Threshold -> share of verdicts it would have been quiet for; none for conditions that are no single limit.
    std::vector<std::pair<double, double>> quieter;
  };
  std::vector<NeverQuiet> never_quiet;
  std::uint64_t verdicts = 0;
  Instant first_verdict = far_past;
  std::shared_ptr<const BaselineEvidence> baseline;  // of the newest reading
  std::uint64_t baseline_n = 0;
};

struct BacktestResult {
  std::string pack;
  std::uint64_t records = 0, rejected = 0, evaluations = 0;
  std::vector<std::pair<std::string, std::uint64_t>> rejected_by;
  std::vector<Rejected> first_rejects;
  Instant from{}, to{};                  // of the data that was run
  std::vector<MonitorHistory> monitors;  // by monitor, then labels
  std::vector<Notification> notifications;
  std::vector<std::string> script_output;
  std::vector<std::string> notes;            // about baselines: rows of their files that were refused
  double read_seconds = 0, run_seconds = 0;  // filled by the command, which may read a clock
  std::unique_ptr<Core> core;                // as it stood at the end
};

// Errors: a stream the pack does not declare (nearest name), an unreadable file, a baseline without rows, no record
// between `from` and `to`.
Result<BacktestResult> backtest(ScriptPack& pack, const BacktestOptions& options,
                                const std::map<std::string, History>& histories, const Progress& progress = {});

// Gives every baseline its rows: files are read, spans are taken from the histories (`where` to look for a stream's
// rows). Sentences about rows of files that were refused.
Result<std::vector<std::string>> give_baselines(Core& core, const std::map<std::string, History>& histories);

// "would have been quiet at 90 % of its verdicts above 1.2", "" when nothing is known.
std::string quieter_text(const MonitorHistory::NeverQuiet& rule, const Condition& condition);

std::string backtest_json(const BacktestResult& result, const BacktestOptions& options);
std::string backtest_text(const BacktestResult& result, bool use_color);
std::string backtest_html(const BacktestResult& result);
std::string compare_text(const BacktestResult& ours, const BacktestResult& other);
std::string compare_json(const BacktestResult& ours, const BacktestResult& other);

}  // namespace tidewatch
