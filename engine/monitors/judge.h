// How the core asks a script for a judgement without knowing what a script is.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "metrics/reading.h"
#include "monitors/monitor_spec.h"
#include "records/labels.h"

namespace tidewatch {

struct Judgement {
  // missed: it was not called this time; no verdict, and no fault of its own.
  enum class Kind : std::uint8_t { ok, fires, unknown, error, missed } kind = Kind::ok;
  Severity severity = Severity::none;
  std::string message;
  enum class Failure : std::uint8_t { none, error, budget, memory, quarantined } failure = Failure::none;
  std::string traceback;  // of an error: the pack's frames, a line each
  Duration used{0};       // CPU time of the call
};

// What the operator sees of a pack's scripts.
struct ScriptFacts {
  std::map<std::string, double> cpu_seconds;                           // by context
  std::map<std::pair<std::string, std::string>, std::uint64_t> calls;  // by context and outcome
  std::map<std::string, std::uint64_t> errors;                         // by kind
  std::uint64_t memory = 0, memory_peak = 0, memory_limit = 0;         // bytes
  std::uint64_t half_budget = 0, stalls = 0, dropped_output_bytes = 0;
  double gc_seconds = 0;
};

class Judge {
 public:
  virtual ~Judge() = default;
  // `function` is MonitorSpec::judge. Errors, budget and memory kills come back as Kind::error with file:line text.
  virtual Judgement judge(int function, const LabelSet& labels,
                          std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) = 0;
  virtual ScriptFacts facts() const { return {}; }
  // While logged inputs are applied again: what ended in time once gets more of it, so that a slower machine does not
  // remember otherwise.
  virtual void set_replaying(bool) {}
  // Frees memory for at most about `most`, between calls; how long it took.
  virtual Duration collect(Duration) { return {}; }
};

}  // namespace tidewatch
