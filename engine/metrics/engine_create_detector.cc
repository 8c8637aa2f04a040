// A detector on a handle: whose window ends it walks along, and how long it waits for those of the others.
#include <set>

#include "base/text.h"
#include "metrics/engine_state.h"
#include "metrics/windows/window_span.h"

namespace tidewatch {
namespace {

// What tells one handle from another in a checkpoint: as it is written, and every option of the metrics below it.
std::string key_of(const HandleSpec& handle, const std::vector<HandleSpec>& all, const std::vector<Leaf*>& leaves) {
  std::vector<std::string> parts = {describe(handle, all)};
  for (const Leaf* leaf : leaves) parts.push_back(leaf->key);
  return unambiguous(parts);
}

constexpr std::int64_t most_values = 100'000;  // that mad and seasonal remember of one label set

}  // namespace

void MetricEngine::State::add_detector(HandleId id, std::vector<Problem>& problems) {
  HandleSpec& handle = handles[id];
  DetectorSpec& spec = handle.detector;
  const std::string name(name_of(spec.kind));
  const std::vector<Leaf*>& metrics_below = leaves_under[id];
  const auto paced = paced_leaf(id);
  if (!paced) return;
  std::vector<HandleId> below = {handle.inputs[0]};
  for (std::size_t i = 0; i < below.size() && i < 10'000; ++i) {
    if (handles[below[i]].op == HandleSpec::Op::detector) {
      problems.push_back({id, name + " of a detector's score is not offered: judge the score, as in above(3)"});
      return;
    }
    for (const HandleId input : handles[below[i]].inputs) below.push_back(input);
  }
  const Leaf& leaf = *metrics_below[*paced];
  if (spec.kind == DetectorSpec::Kind::seasonal && spec.zone.empty()) spec.zone = leaf.spec.window.zone;
  if (spec.kind == DetectorSpec::Kind::seasonal && spec.zone == "UTC") spec.zone.clear();
  if (spec.counts_firings() && spec.over.ns <= 0) {
    problems.push_back({id, name + " needs `over`, how long a firing counts, such as over = \"1h\""});
    return;
  }
  if (handle.inputs.size() > 1) spec.reference_mean = 0, spec.reference_deviation = 1;
  if (auto made = make_detector(spec); !made) {
    problems.push_back({id, name + ": " + made.error().text});
    return;
  }
  const bool is_mad = spec.kind == DetectorSpec::Kind::mad;
  if (leaf.kind == Leaf::Kind::window && (is_mad || spec.kind == DetectorSpec::Kind::seasonal)) {
    const Duration span = is_mad ? spec.over : spec.period * spec.periods;
    const Duration step = leaf.ring->clock().step();
    if (span.ns / step.ns > most_values) {
      problems.push_back({id, name + " over " + format_duration(span) + " would remember " +
                                  with_thousands(static_cast<std::uint64_t>(span.ns / step.ns)) + " values, one each " +
                                  format_duration(step) + "; expected at most 100,000: give the metric a longer step"});
      return;
    }
  }
  auto made = std::make_unique<DetectorTracks>();
  made->key = key_of(handle, handles, metrics_below);
  made->paced = *paced;
  std::set<StreamState*> streams_below;
  std::set<std::pair<const StreamState*, std::int64_t>> paces;
  for (const Leaf* each : metrics_below) {
    if (!each->ring) continue;
    streams_below.insert(each->stream);
    paces.emplace(each->stream, each->lateness.ns);
    const Duration within = each->stream->joined ? each->stream->spec.join->within : Duration{0};
    made->patience = std::max(made->patience, nominal(each->spec.window) + each->lateness + within);
  }
  if (paces.size() == 1) made->patience = {0};  // their ends become final together
  for (StreamState* stream : streams_below) stream->detectors.push_back(id);
  tracks[id] = std::move(made);
}

}  // namespace tidewatch
