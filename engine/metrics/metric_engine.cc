// What stands in the engine and the small answers about the whole: which streams, how new, how quiet, how large.
#include "metrics/metric_engine.h"

#include <algorithm>

#include "base/text.h"
#include "metrics/engine_state.h"

namespace tidewatch {

std::optional<std::size_t> StreamState::column(std::string_view name) const {
  if (const auto declared = spec.schema.find(name)) return declared;
  for (std::size_t i = 0; i < spec.derived.size(); ++i)
    if (spec.derived[i].name == name) return spec.schema.columns.size() + i;
  return std::nullopt;
}

std::optional<ColumnType> StreamState::type_of(std::size_t column) const {
  if (column < spec.schema.columns.size()) return spec.schema.columns[column].type;
  return ColumnType::number;
}

StreamState* MetricEngine::State::stream(std::string_view name) const {
  for (const auto& one : streams)
    if (one->spec.name == name) return one.get();
  return nullptr;
}

BaselineState* MetricEngine::State::baseline(std::string_view name) const {
  for (const auto& one : baselines)
    if (one->spec.name == name) return one.get();
  return nullptr;
}

MetricEngine::MetricEngine(std::unique_ptr<State> state) : state_(std::move(state)) {}
MetricEngine::~MetricEngine() = default;

std::uint64_t MetricEngine::version(HandleId handle) const {
  std::uint64_t version = 0;
  for (const Leaf* leaf : state_->leaves_under[handle]) {
    const StreamState& stream = *leaf->stream;
    const Instant watermark = stream.watermark.value();
    if (stream.joined)
      version += stream.joined->join->version() +
                 static_cast<std::uint64_t>(stream.joined->settled_watermark(*stream.spec.join).ns / seconds(1).ns);
    if (leaf->kind == Leaf::Kind::stream) {
      version += stream.log.version() + static_cast<std::uint64_t>(watermark.ns / seconds(1).ns);
    } else if (leaf->kind == Leaf::Kind::rows) {
      version += leaf->ring->landed_version() + leaf->ring->mark_version() + static_cast<std::uint64_t>(watermark.ns);
    } else if (leaf->kind == Leaf::Kind::window) {
      const Ring& ring = *leaf->ring;
      version += ring.mark_version() +
                 static_cast<std::uint64_t>(watermark == far_past ? 0 : ring.clock().index(watermark)) +
                 (leaf->spec.read == ReadMode::open ? ring.landed_version() : ring.closed_version());
    }
    if (leaf->baseline) version += leaf->baseline->is_sealed;
  }
  return version;
}

bool MetricEngine::is_quiet(HandleId handle, Instant) const {
  for (const Leaf* leaf : state_->leaves_under[handle]) {
    const Watermark& mark = leaf->stream->watermark;
    if (leaf->quiet == Leaf::Quiet::always) continue;
    if (leaf->quiet == Leaf::Quiet::never) return false;
    if (mark.newest() == far_past) continue;
    if (leaf->stream->sequence && !leaf->stream->sequence->is_empty()) return false;
    if (leaf->stream->joined) {
      // Quiet once every prediction's time is over and its windows are empty.
      const Instant settled = leaf->stream->joined->settled_watermark(*leaf->stream->spec.join);
      if (settled <= mark.newest() + leaf->quiet_after) return false;
      continue;
    }
    if (leaf->quiet == Leaf::Quiet::rows) {
      if (mark.value() < mark.newest()) return false;
    } else if (mark.value() <= mark.newest() + leaf->quiet_after) {
      return false;
    }
  }
  return true;
}

std::vector<std::string> MetricEngine::streams_of(HandleId handle) const {
  std::set<std::string> names;
  for (const Leaf* leaf : state_->leaves_under[handle]) {
    if (const JoinedStream* const joined = leaf->stream->joined.get()) {
      names.insert(joined->predictions->spec.name);
      names.insert(joined->labels->spec.name);
      continue;
    }
    names.insert(leaf->stream->spec.name);
  }
  return {names.begin(), names.end()};
}

const StreamCounters* MetricEngine::counters(std::string_view name) const {
  const StreamState* stream = state_->stream(name);
  return stream ? &stream->counters : nullptr;
}

std::vector<MetricEngine::JoinView> MetricEngine::joins() const {
  std::vector<JoinView> out;
  for (const auto& stream : state_->streams) {
    if (!stream->joined) continue;
    const LabelJoin& join = *stream->joined->join;
    out.push_back({stream->spec.name, join.counters(), join.pending(), join.held(), join.memory_bytes()});
  }
  return out;
}

bool MetricEngine::reads_join(HandleId handle) const {
  for (const Leaf* leaf : state_->leaves_under[handle])
    if (leaf->stream->joined) return true;
  return false;
}

std::string MetricEngine::full_join(HandleId handle) const {
  for (const Leaf* leaf : state_->leaves_under[handle]) {
    const JoinedStream* const joined = leaf->stream->joined.get();
    if (!joined || joined->join->last_evicted() == far_past) continue;
    const Instant labelled = joined->labels->watermark.value();
    if (labelled != far_past &&
        joined->join->last_evicted() <= labelled - leaf->stream->spec.join->within - joined->lateness)
      continue;
    return leaf->stream->spec.name + " holds " + with_thousands(leaf->stream->spec.join->most_pending) +
           " predictions, its most, and lets the oldest go before their labels have had their time: raise "
           "most_pending or shorten within";
  }
  return {};
}

Duration MetricEngine::default_every(HandleId handle) const {
  Duration every = seconds(1);
  for (const Leaf* leaf : state_->leaves_under[handle]) {
    const WindowSpec& window = leaf->spec.window;
    Duration wanted = hours(1);
    if (window.kind == WindowSpec::Kind::none)
      wanted = seconds(10);
    else if (window.kind == WindowSpec::Kind::sliding && window.over <= minutes(10))
      wanted = seconds(1);
    else if (window.kind == WindowSpec::Kind::sliding && window.over <= hours(1))
      wanted = seconds(10);
    else if (window.kind == WindowSpec::Kind::sliding && window.over <= days(1))
      wanted = minutes(1);
    else if (window.kind == WindowSpec::Kind::sliding && window.over <= days(7))
      wanted = minutes(10);
    every = std::max(every, wanted);
  }
  return every;
}

std::size_t MetricEngine::series_count() const {
  std::size_t count = 0;
  for (const auto& stream : state_->streams)
    for (const auto& use : stream->rings) count += use.ring->series().size();
  return count;
}

std::size_t MetricEngine::memory_bytes() const {
  std::size_t bytes = sizeof(State);
  for (const auto& baseline : state_->baselines) bytes += baseline->kept ? baseline->kept->memory_bytes() : 0;
  for (const auto& stream : state_->streams) {
    for (const auto& use : stream->rings) bytes += use.ring->memory_bytes();
    if (stream->sequence) bytes += stream->sequence->memory_bytes();
    for (const auto& index : stream->indexes) bytes += index->memory_bytes();
    if (!stream->joined) continue;
    bytes += stream->joined->join->memory_bytes();
    for (const auto& panes : stream->joined->coverage) bytes += panes->memory_bytes();
  }
  for (const auto& all : state_->tracks)
    if (all) bytes += all->memory_bytes();
  return bytes;
}

}  // namespace tidewatch
