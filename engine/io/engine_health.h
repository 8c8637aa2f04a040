// What the engine says about itself, as alerts like any other: "tidewatch/store" while the store cannot be written,
// "tidewatch/pack-absent:NAME" while a pack whose alerts are kept was not given at start. Every notifier of every pack
// hears of them, each receiver once. They are not inputs and touch no core: a run with a failing disk is bit for bit
// the run with a sound one.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/core.h"

namespace tidewatch {

class EngineHealth {
 public:
  struct Target {
    std::string pack, notifier;
    Severity severity = Severity::info;  // the least it wants to hear of
  };

  // Begins and ends a condition; doing so twice does nothing. What there is to tell is appended to `out`. The key of a
  // message holds `at`: a condition raised again after a restart with the same instant is not told again.
  void raise(const std::string& name, Severity severity, const std::string& reason, Instant at,
             const std::vector<Target>& targets, CoreOutput& out);
  void settle(const std::string& name, const std::string& reason, Instant at, const std::vector<Target>& targets,
              CoreOutput& out);
  bool is_raised(const std::string& name) const { return conditions_.count(name) != 0; }
  std::vector<AlertView> alerts() const;

 private:
  struct Condition {
    Severity severity = Severity::warning;
    std::string reason;
    Instant since{};
  };
  static void tell(const std::string& name, const Condition& condition, bool is_over, const std::string& reason,
                   Instant at, const std::vector<Target>& targets, CoreOutput& out);

  std::map<std::string, Condition> conditions_;
};

}  // namespace tidewatch
