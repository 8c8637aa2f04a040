// See quiet_track.h. At most 65,536 values are kept: beyond, every second of them.
#include "app/quiet_track.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_values = 65'536;
constexpr double shares[] = {0.5, 0.9, 0.99};

}  // namespace

void QuietTrack::take(const Observation& seen, Instant at, const Reading& reading) {
  constexpr std::uint8_t all = 0b1110;
  quietness_.take(seen, at);
  if (quietness_.was_quiet == all) {
    if (!values_.empty()) values_ = {};
    return;
  }
  if (seen.kind != Observation::Kind::verdict || !reading.value) return;
  if ((quietness_.verdicts - 1) % stride_ != 0) return;
  values_.push_back(*reading.value);
  if (values_.size() < most_values) return;
  for (std::size_t i = 0; 2 * i < values_.size(); ++i) values_[i] = values_[2 * i];
  values_.resize((values_.size() + 1) / 2);
  stride_ *= 2;
}

void QuietTrack::tell(const MonitorSpec& monitor, MonitorHistory& history) {
  history.verdicts = quietness_.verdicts;
  history.first_verdict = quietness_.first;
  for (const Severity severity : quietness_.never_quiet(monitor.rules)) {
    const SeverityRule& rule = *monitor.rules[static_cast<std::size_t>(severity)];
    MonitorHistory::NeverQuiet out{severity, rule.describe(), {}};
    const bool is_above = rule.condition.kind == Condition::Kind::above;
    const bool is_below = rule.condition.kind == Condition::Kind::below;
    if ((is_above || is_below) && rule.condition.input < 0 && !values_.empty()) {
      std::vector<double> sorted = values_;
      std::sort(sorted.begin(), sorted.end());
      if (is_below) std::reverse(sorted.begin(), sorted.end());
      // Comparisons are strict: at the limit itself it is quiet.
      for (const double share : shares) {
        const auto n = static_cast<double>(sorted.size());
        const auto at = static_cast<std::size_t>(std::max(1.0, std::ceil(share * n))) - 1;
        const bool is_new = out.quieter.empty() || out.quieter.back().first != sorted[at];
        std::size_t quiet = at + 1;
        while (quiet < sorted.size() && sorted[quiet] == sorted[at]) ++quiet;
        if (is_new) out.quieter.emplace_back(sorted[at], static_cast<double>(quiet) / n);
      }
    }
    history.never_quiet.push_back(std::move(out));
  }
}

std::string quieter_text(const MonitorHistory::NeverQuiet& rule, const Condition& condition) {
  std::string out;
  for (const auto& [threshold, share] : rule.quieter) {
    char text[64];
    std::snprintf(text, sizeof text, "%s%.3g (%.0f %%)", out.empty() ? "" : ", ", threshold, 100 * share);
    out += text;
  }
  if (out.empty()) return out;
  return std::string("would have been quiet ") + (condition.kind == Condition::Kind::above ? "above " : "below ") + out;
}

}  // namespace tidewatch
