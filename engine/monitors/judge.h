// How the core asks a script for a judgement without knowing what a script is.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "metrics/reading.h"
#include "monitors/monitor_spec.h"
#include "records/labels.h"

namespace tidewatch {

struct Judgement {
  enum class Kind : std::uint8_t { ok, fires, unknown, error } kind = Kind::ok;
  Severity severity = Severity::none;
  std::string message;
};

class Judge {
 public:
  virtual ~Judge() = default;
  // `function` is MonitorSpec::judge. Errors, budget and memory kills come back as Kind::error with file:line text.
  virtual Judgement judge(int function, const LabelSet& labels,
                          std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) = 0;
};

}  // namespace tidewatch
