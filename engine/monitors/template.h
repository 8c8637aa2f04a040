// Annotation templates: text with {names}, no expressions. A template that could compute would be a second language
// beside Lua; one that could fail at 3 in the morning would be worse, so names are checked at load and a missing value
// prints a dash.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "metrics/reading.h"
#include "monitors/monitor_spec.h"
#include "records/labels.h"

namespace tidewatch {

// What the names stand for. {value} {n} from `reading`, {severity} {threshold} from the spec and `severity`, {monitor}
// its name, {since} the instant the alert became active; any other name is a `by` label. Borrowed for the call.
struct TemplateInputs {
  const MonitorSpec& spec;
  const LabelSet& by;
  const Reading& reading;
  Severity severity = Severity::none;
  std::optional<Instant> since;
};

// `{name}` is replaced, `{{` and `}}` are braces. What is absent or empty prints as an en dash; never fails.
std::string render_template(std::string_view text, const TemplateInputs& inputs);

// Every unknown name and unclosed brace, as one error: `unknown {endpont} (did you mean "endpoint"?)`.
Done check_template(std::string_view text, std::span<const std::string> by);

}  // namespace tidewatch
