// From the specs of a pack to an engine: leaves for metrics, then what looks back at them, then how long panes are
// kept.
#include <set>

#include "base/text.h"
#include "metrics/engine_state.h"
#include "metrics/leaf_builder.h"
#include "metrics/windows/window_span.h"

namespace tidewatch {

Result<std::unique_ptr<MetricEngine>> MetricEngine::create(std::vector<StreamSpec> streams,
                                                           std::vector<BaselineSpec> baselines,
                                                           std::vector<HandleSpec> handles, RowPredicate* predicates,
                                                           std::vector<Problem>* problems) {
  auto state = std::make_unique<State>();
  state->predicates = predicates;
  for (StreamSpec& spec : streams) state->streams.push_back(std::make_unique<StreamState>(std::move(spec)));
  for (BaselineSpec& spec : baselines) {
    state->baselines.push_back(std::make_unique<BaselineState>());
    BaselineEvidence evidence;
    evidence.name = spec.name;
    state->baselines.back()->evidence = std::make_shared<const BaselineEvidence>(std::move(evidence));
    state->baselines.back()->spec = std::move(spec);
  }
  std::vector<Problem> found;
  for (auto& stream : state->streams) {
    if (!Sequence::is_needed(stream->spec)) continue;
    auto sequence = Sequence::make(stream->spec);
    if (sequence)
      stream->sequence.emplace(std::move(*sequence));
    else
      found.push_back({0, stream->spec.name + ": " + sequence.error().text});
  }
  state->connect_joins(found);
  state->handles = std::move(handles);
  const std::size_t count = state->handles.size();
  state->leaf_of.assign(count, nullptr);
  state->leaves_under.resize(count);
  state->is_grouped.assign(count, 0);
  state->listings.resize(count);
  state->tracks.resize(count);
  State::LeafBuilder builder(*state, found);
  using Op = HandleSpec::Op;
  for (HandleId id = 0; id < count; ++id) {
    const HandleSpec& handle = state->handles[id];
    if (handle.op == Op::metric) {
      builder.add(id);
      if (Leaf* const leaf = state->leaf_of[id]) {
        state->leaves_under[id] = {leaf};
        const bool is_windowed = leaf->kind == Leaf::Kind::window || leaf->kind == Leaf::Kind::rows;
        state->is_grouped[id] = leaf->is_by_column || (is_windowed && !leaf->spec.by.empty());
      }
      continue;
    }
    const std::size_t wanted = handle.op == Op::constant ? 0
                               : handle.op == Op::add || handle.op == Op::subtract || handle.op == Op::multiply ||
                                       handle.op == Op::divide || handle.op == Op::deviation
                                   ? 2
                               : handle.op == Op::detector && handle.inputs.size() == 3 ? 3
                                                                                        : 1;
    bool fine = handle.inputs.size() == wanted;
    for (const HandleId input : handle.inputs) fine = fine && input < id;
    if (!fine) {
      found.push_back({id, "expected " + std::to_string(wanted) + " earlier handles as inputs"});
      state->handles[id] = HandleSpec();
      state->handles[id].op = Op::constant;
      continue;
    }
    const bool looks_back = handle.op == Op::shifted || handle.op == Op::change || handle.op == Op::max_over ||
                            handle.op == Op::min_over || handle.op == Op::mean_over || handle.op == Op::trailing ||
                            handle.op == Op::seasonal || handle.op == Op::forecast || handle.op == Op::time_to;
    if (handle.op == Op::trailing && handle.rows > 0) {
      for (const Leaf* leaf : state->leaves_under[handle.inputs[0]]) {
        if (leaf->kind == Leaf::Kind::rows && leaf->spec.window.count <= handle.rows) continue;
        found.push_back({id, "trailing \"" + std::to_string(handle.rows) +
                                 " rows\" is of windows of as many rows or fewer, such as over = \"20 rows\"; here it "
                                 "is a span such as trailing \"28 days\""});
        break;
      }
    } else if (looks_back && handle.span.ns <= 0)
      found.push_back({id, "expected a span longer than 0s"});
    for (const HandleId input : handle.inputs) {
      state->is_grouped[id] = state->is_grouped[id] || state->is_grouped[input];
      for (Leaf* leaf : state->leaves_under[input]) state->leaves_under[id].push_back(leaf);
    }
    const bool walks = handle.op == Op::detector || handle.op == Op::forecast || handle.op == Op::time_to;
    // Without leaves the metric below has a problem of its own.
    if (walks && !state->leaves_under[id].empty() && !state->paced_leaf(id))
      found.push_back(
          {id, "expected a handle with a window, whose ends are walked along; freshness() and its like have none"});
    else if (handle.op == Op::detector)
      state->add_detector(id, found);
  }
  // Looking back adds up along a chain of handles: walk from each end.
  state->pasts.resize(count);
  for (HandleId id = 0; id < count; ++id) {
    const HandleSpec& handle = state->handles[id];
    if (handle.op == Op::shifted) state->pasts[id] = format_duration(handle.span) + " ago";
    if (handle.op == Op::seasonal) state->pasts[id] = "seasonal " + format_duration(handle.span);
    if (handle.op == Op::trailing) {
      state->pasts[id] = TrailingSpec{handle.span, handle.rows, handle.gap, handle.rebin}.text();
      for (Leaf* leaf : state->leaves_under[id]) leaf->keep_rows = std::max(leaf->keep_rows, handle.rows);
    }
    std::vector<std::pair<HandleId, Duration>> walk = {{id, Duration{0}}};
    for (std::size_t steps = 0; !walk.empty() && steps < 100'000; ++steps) {
      const auto [at, behind] = walk.back();
      walk.pop_back();
      const HandleSpec& step = state->handles[at];
      if (state->tracks[at]) state->tracks[at]->keep = std::max(state->tracks[at]->keep, behind);
      if (Leaf* const leaf = state->leaf_of[at]; leaf && behind.ns > 0) {
        leaf->keep_behind = std::max(leaf->keep_behind, behind);
        leaf->keeps_windows = true;
      }
      const Duration patience = state->tracks[at] ? state->tracks[at]->patience : Duration{0};
      for (const HandleId input : step.inputs) walk.emplace_back(input, behind + reach_of(step) + patience);
    }
  }
  std::set<const Leaf*> sized;
  for (HandleId id = 0; id < count; ++id) {
    Leaf* const leaf = state->leaf_of[id];
    if (!leaf || !sized.insert(leaf).second) continue;
    builder.at(id);
    builder.size(*leaf);
  }
  for (const auto& leaf : state->leaves) {
    const std::string& metric = leaf->spec.metric;
    using Quiet = Leaf::Quiet;
    leaf->quiet = leaf->kind == Leaf::Kind::baseline || metric == "schema_hash" ? Quiet::always
                  : metric == "freshness" || metric == "arrival_age"            ? Quiet::never
                  : leaf->kind == Leaf::Kind::rows                              ? Quiet::rows
                                                                                : Quiet::window;
    leaf->quiet_after = nominal(leaf->spec.window) + leaf->lateness + leaf->keep_behind +
                        std::max(leaf->spec.step, days(leaf->panes == 0 ? 1 : 0));
  }
  for (auto& stream : state->streams)
    if (stream->joined) make_join(*stream);
  if (!found.empty()) {
    Error error = invalid(found.front().text);
    if (problems) *problems = std::move(found);
    return error;
  }
  return std::unique_ptr<MetricEngine>(new MetricEngine(std::move(state)));
}

}  // namespace tidewatch
