// Names are refused at load rather than resolved by precedence: two alerts that differ only in an overwritten label
// would be one alert to every receiver.
#include "monitors/wire_labels.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tidewatch {

namespace {

constexpr std::array<std::string_view, 6> engine_names = {"alertname", "alertstate", "pack",
                                                          "layer",     "team",       "severity"};

bool is_reserved(std::string_view name) {
  return name.substr(0, 2) == "__" || std::find(engine_names.begin(), engine_names.end(), name) != engine_names.end();
}

}  // namespace

LabelSet wire_labels(const MonitorSpec& spec, const LabelSet& by, Severity severity) {
  LabelSet out;
  for (const auto& [name, value] : by.pairs()) out.set(name, value);
  for (const auto& [name, value] : spec.labels) out.set(name, value);
  out.set("alertname", spec.name);
  out.set("pack", spec.pack);
  out.set("layer", spec.layer);
  out.set("team", spec.team);
  out.set("severity", severity == Severity::none ? std::string() : std::string(name_of(severity)));
  return out;
}

Done check_wire_labels(const MonitorSpec& spec, std::span<const std::string> by) {
  const std::string place = "monitor \"" + spec.name + "\": ";
  for (const auto& [name, value] : spec.labels) {
    if (name.empty()) return invalid(place + "expected a label name, got \"\"");
    if (is_reserved(name)) {
      return invalid(place + "label \"" + name + "\" is reserved: the engine sets it; choose another name");
    }
    if (std::find(by.begin(), by.end(), name) != by.end()) {
      return invalid(place + "label \"" + name + "\" repeats a name of `by`; choose another name");
    }
  }
  for (const std::string& name : by) {
    // layer and team are free for a column as long as the monitor itself sets none.
    const bool is_free = (name == "layer" && spec.layer.empty()) || (name == "team" && spec.team.empty());
    if (is_reserved(name) && !is_free) {
      return invalid(place + "`by` column \"" + name +
                     "\" has the name of a label the engine sets; alerts would be mixed up");
    }
  }
  return done();
}

}  // namespace tidewatch
