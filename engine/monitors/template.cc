// One scanner serves the check and the rendering, so that they cannot disagree about what is a name.
#include "monitors/template.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <vector>

#include "base/text.h"
#include "monitors/threshold.h"

namespace tidewatch {

namespace {

constexpr std::array<std::string_view, 6> built_in = {"value", "severity", "monitor", "since", "threshold", "n"};
constexpr std::string_view dash = "\xE2\x80\x93";

// Calls `literal` and `name` in order; false when the last brace is not closed (its text is then literal).
bool scan(std::string_view text, const std::function<void(std::string_view)>& literal,
          const std::function<void(std::string_view)>& name) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t brace = text.find_first_of("{}", at);
    if (brace == std::string_view::npos) {
      literal(text.substr(at));
      return true;
    }
    literal(text.substr(at, brace - at));
    if (brace + 1 < text.size() && text[brace + 1] == text[brace]) {
      literal(text.substr(brace, 1));
      at = brace + 2;
    } else if (text[brace] == '}') {
      literal("}");
      at = brace + 1;
    } else {
      const std::size_t close = text.find('}', brace);
      if (close == std::string_view::npos) {
        literal(text.substr(brace));
        return false;
      }
      name(text.substr(brace + 1, close - brace - 1));
      at = close + 1;
    }
  }
  return true;
}

// To four digits: it moves with the number of rows, and a person reads it.
std::string in_force_text(const ThresholdInForce& threshold) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", threshold.in_force);
  return threshold.in_force == threshold.asked ? format_number(threshold.asked) : text;
}

std::string value_of(std::string_view name, const TemplateInputs& in) {
  if (name == "value") return in.reading.value ? format_number(*in.reading.value) : in.reading.text;
  if (name == "severity") return in.severity == Severity::none ? "" : std::string(name_of(in.severity));
  if (name == "monitor") return in.spec.name;
  if (name == "since") return in.since ? format_instant(*in.since) : "";
  if (name == "threshold") {
    for (const ThresholdInForce& threshold : in.reading.thresholds)
      if (threshold.severity == static_cast<std::uint8_t>(in.severity)) return in_force_text(threshold);
    const auto& rule = in.spec.rules[static_cast<std::size_t>(in.severity)];
    return rule ? threshold_text(rule->condition) : "";
  }
  if (name == "n") return in.reading.status == Status::no_data ? "" : std::to_string(in.reading.n);
  return std::string(in.by.get(name));
}

}  // namespace

std::string render_template(std::string_view text, const TemplateInputs& inputs) {
  std::string out;
  (void)scan(
      text, [&](std::string_view literal) { out += literal; },
      [&](std::string_view name) {
        const std::string value = value_of(name, inputs);
        out += value.empty() ? std::string(dash) : value;
      });
  return out;
}

Done check_template(std::string_view text, std::span<const std::string> by) {
  std::vector<std::string> known(built_in.begin(), built_in.end());
  known.insert(known.end(), by.begin(), by.end());
  std::string wrong;
  const bool is_closed = scan(
      text, [](std::string_view) {},
      [&](std::string_view name) {
        if (std::find(known.begin(), known.end(), name) != known.end()) return;
        wrong += (wrong.empty() ? "" : "; ") + std::string("unknown {") + std::string(name) + "}" +
                 did_you_mean(name, known);
      });
  if (!is_closed) wrong += (wrong.empty() ? "" : "; ") + std::string("expected } to close the last {");
  if (wrong.empty()) return done();
  return invalid("template \"" + std::string(text) + "\": " + wrong);
}

}  // namespace tidewatch
