// Detectors walk along a handle's values: one at each pane end, or at each row of a "N rows" window, in order. Ends
// become final while rows are fed and time passes, before their panes are forgotten, and are learnt then; a read only
// adds the ends since. Learning at the reads instead was decided against: a monitor judged rarely would see fewer
// values.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "metrics/engine_state.h"

namespace tidewatch {

std::size_t DetectorTrack::memory_bytes() const {
  std::size_t bytes = (settled.taken.size() + since.taken.size()) * sizeof(Taken);
  for (const Walk* walk : {&settled, &since})
    if (walk->detector) bytes += walk->detector->memory_bytes();
  return bytes;
}

std::size_t DetectorTracks::memory_bytes() const {
  std::size_t bytes = sizeof *this;
  for (const auto& [labels, track] : by_labels) bytes += sizeof labels + sizeof track + 64 + track.memory_bytes();
  return bytes;
}

std::optional<std::size_t> MetricEngine::State::paced_leaf(HandleId id) const {
  const std::vector<Leaf*>& below = leaves_under[id];
  for (const auto kind : {Leaf::Kind::window, Leaf::Kind::rows})
    for (std::size_t i = 0; i < below.size(); ++i)
      if (below[i]->kind == kind) return i;
  return std::nullopt;
}

std::optional<Instant> MetricEngine::State::next_end(const Leaf& paced, const Target& target,
                                                     const std::vector<Leaf*>& below, Instant after, Instant limit) {
  if (paced.kind == Leaf::Kind::rows) {
    if (!target.series || target.series->last_row <= after) return std::nullopt;
    const Batch& rows = target.series->rows->rows();
    if (rows.rows == 0) return std::nullopt;
    const auto& times = rows.columns[rows.time_column].integers;
    const auto place = std::upper_bound(times.begin(), times.end(), after.ns);
    if (place == times.end() || *place > limit.ns) return std::nullopt;
    return Instant{*place};
  }
  const PaneClock& clock = paced.ring->clock();
  if (after == far_past && paced.stream->first_row == far_past) return std::nullopt;
  const Instant end = clock.start(clock.index(after == far_past ? paced.stream->first_row : after) + 1);
  if (end > limit) return std::nullopt;
  // Where no window has a row there is nothing to take: a stream that was silent for a year is not walked pane by pane.
  Instant next_row = far_future;
  for (const Leaf* leaf : below) {
    if (!leaf->ring) continue;
    if (leaf->kind == Leaf::Kind::rows || leaf->stream->joined) return end;
    const PaneClock& own = leaf->ring->clock();
    const auto pane = leaf->ring->first_pane_with_rows(own.index(end - leaf->ring->keep_span()));
    if (!pane) continue;
    if (own.start(*pane) < end) return end;
    next_row = std::min(next_row, own.start(*pane));
  }
  if (next_row >= limit) return std::nullopt;
  const Instant later = clock.start(clock.index(next_row) + 1);
  return later > limit ? std::nullopt : std::optional(later);
}

Instant MetricEngine::State::reached_by(HandleId id) const {
  Instant reached = far_future;
  for (const Leaf* leaf : leaves_under[id])
    if (leaf->ring) reached = std::min(reached, leaf->stream->watermark.value());
  return reached == far_future ? far_past : std::max(reached, final_by(id));
}

// Ends up to here no longer change. Of several streams the slowest decides, until the patience of the first is over and
// its panes would be gone.
Instant MetricEngine::State::final_by(HandleId id) const {
  Instant first = far_future, last = far_past;
  for (const Leaf* leaf : leaves_under[id]) {
    if (!leaf->ring) continue;
    const StreamState& stream = *leaf->stream;
    const Instant settled =
        stream.joined ? stream.joined->settled_watermark(*stream.spec.join) : stream.watermark.value();
    Instant until = far_past;
    if (settled != far_past) until = settled - leaf->lateness - nanoseconds(leaf->kind == Leaf::Kind::rows ? 1 : 0);
    first = std::min(first, until);
    last = std::max(last, until);
  }
  if (first == far_future) return far_past;
  return last == far_past ? last : std::max(first, last - tracks[id]->patience);
}

// What a value is expected to be and its standard deviation, by the rows of a baseline; none while it has no rows. A
// mean of n rows strays less than a row does.
std::optional<Detection> MetricEngine::State::reference_of(HandleId id, const Reading& reading, const Target* targets,
                                                           Instant now) {
  const std::vector<HandleId>& inputs = handles[id].inputs;
  const Target* const mean_targets = targets + leaves_under[inputs[0]].size();
  const SharedReading mean = evaluate(inputs[1], mean_targets, {}, now);
  const SharedReading deviation = evaluate(inputs[2], mean_targets + leaves_under[inputs[1]].size(), {}, now);
  if (!mean->value || !deviation->value) return std::nullopt;
  Detection out;
  out.expected = *mean->value;
  out.scale = floored_spread(*deviation->value, out.expected);
  if (handles[inputs[0]].metric.metric == "mean")
    out.scale /= std::sqrt(static_cast<double>(std::max<std::uint64_t>(reading.n, 1)));
  return out;
}

void MetricEngine::State::take(HandleId id, DetectorTrack::Walk& walk, Instant at, const Target* targets, Instant now) {
  walk.until = at;
  const HandleSpec& handle = handles[id];
  AsOf then;
  then.at = at;
  const SharedReading reading = evaluate(handle.inputs[0], targets, then, now);
  if (reading->status != Status::ok || !reading->value || reading->to <= walk.window) return;
  std::optional<Detection> reference;
  if (handle.inputs.size() > 1 && !(reference = reference_of(id, *reading, targets, now))) return;
  walk.window = reading->to;
  if (!walk.detector) walk.detector = std::move(*make_detector(handle.detector));  // create() has made one before
  Detection found;
  if (handle.inputs.size() == 1) {
    found = walk.detector->add(*reading->value, at);
  } else {
    // Against a baseline: standardised here, so that the detector need not know where its reference comes from.
    found = walk.detector->add((*reading->value - reference->expected) / reference->scale, at);
    found.expected = reference->expected;
    found.scale = reference->scale;
  }
  walk.has_scored = walk.has_scored || found.score.has_value();
  walk.taken.push_back({at, *reading->value, std::move(found)});
}

// A label set begins with its first row: its zeros before that are nobody's, and how many of them there are to be seen
// would hang on when the row arrived.
void MetricEngine::State::begin_walk(HandleId id, DetectorTrack::Walk& walk, const Target* targets, Instant limit) {
  const std::vector<Leaf*>& below = leaves_under[id];
  if (walk.detector) return;
  Instant first = far_future;
  bool is_labelled = false;
  for (std::size_t i = 0; i < below.size(); ++i) {
    const Ring* const ring = below[i]->ring;
    if (below[i]->kind != Leaf::Kind::window || !ring->labels()) continue;
    is_labelled = true;
    const Series* const series = targets[i].series;
    if (series && !series->panes.empty()) first = std::min(first, ring->clock().start(series->panes.begin()->first));
  }
  if (is_labelled) walk.until = std::max(walk.until, std::min(first, limit));
}

void MetricEngine::State::settle_track(HandleId id, DetectorTrack& track, const Target* targets, Instant until,
                                       Instant now) {
  const DetectorTracks& all = *tracks[id];
  const DetectorSpec& spec = handles[id].detector;
  const Leaf& paced = *leaves_under[id][all.paced];
  DetectorTrack::Walk& walk = track.settled;
  begin_walk(id, walk, targets, until);
  while (const auto end = next_end(paced, targets[all.paced], leaves_under[id], walk.until, until)) {
    const std::size_t before = walk.taken.size();
    take(id, walk, *end, targets, now);
    // Only the newest is shown; older ones are kept where somebody looks back, or counts them.
    if (walk.taken.size() < 2 || walk.taken.size() == before || all.keep.ns > 0) continue;
    const auto last = walk.taken.end() - 2;
    if (!spec.counts_firings() || !last->detection.has_fired) walk.taken.erase(last);
  }
  walk.until = std::max(walk.until, until);
  const Instant needed = until - all.keep - (spec.counts_firings() ? spec.over : Duration{0});
  while (walk.taken.size() > 1 && walk.taken[1].at <= needed) walk.taken.pop_front();
  if (track.since.until < walk.until) {
    track.since = {};
    track.stamp = 0;
  }
  while (!track.since.taken.empty() && track.since.taken.front().at <= walk.until) track.since.taken.pop_front();
}

void MetricEngine::State::settle_detectors(const StreamState& stream, Instant now) {
  for (const HandleId id : stream.detectors) {
    DetectorTracks& all = *tracks[id];
    const Instant until = final_by(id);
    if (until == far_past || until <= all.settled_until) continue;
    const Leaf& paced = *leaves_under[id][all.paced];
    if (paced.kind == Leaf::Kind::window && all.settled_until != far_past) {
      const PaneClock& clock = paced.ring->clock();
      if (clock.index(until) == clock.index(all.settled_until)) continue;
    }
    const Listing& listing = list(id);
    if (all.generation != listing.generation) {
      all.generation = listing.generation;
      const auto is_gone = [&](const auto& one) {
        const auto less = [](const LabelSet* a, const LabelSet* b) { return *a < *b; };
        return !std::binary_search(listing.labels.begin(), listing.labels.end(), &one.first, less);
      };
      if (is_grouped[id]) std::erase_if(all.by_labels, is_gone);
    }
    const std::size_t width = leaves_under[id].size();
    for (std::size_t row = 0; row < listing.labels.size(); ++row)
      settle_track(id, track_of(id, *listing.labels[row]), listing.targets.data() + row * width, until, now);
    all.settled_until = until;
  }
}

DetectorTrack& MetricEngine::State::track_of(HandleId id, const LabelSet& labels) {
  DetectorTracks& all = *tracks[id];
  const auto [place, is_new] = all.by_labels.try_emplace(labels);
  // A label set that comes now had no value at the ends that are final.
  if (is_new) place->second.settled.until = all.settled_until;
  return place->second;
}

void MetricEngine::State::catch_up(HandleId id, DetectorTrack& track, const Target* targets, Instant now) {
  const std::vector<Leaf*>& below = leaves_under[id];
  std::uint64_t stamp = 1;  // each of these only grows, so the sum changes with any of them
  for (std::size_t i = 0; i < below.size(); ++i) {
    const Leaf& leaf = *below[i];
    if (leaf.baseline) stamp += leaf.baseline->is_sealed;
    if (!leaf.ring) continue;
    stamp += leaf.ring->mark_version();
    if (leaf.kind == Leaf::Kind::rows)
      stamp += leaf.ring->closed_version();
    else if (targets[i].series)
      stamp += targets[i].series->version;
    if (const JoinedStream* const joined = leaf.stream->joined.get())
      stamp += joined->join->version() + static_cast<std::uint64_t>(joined->predictions->watermark.value().ns) +
               static_cast<std::uint64_t>(joined->labels->watermark.value().ns);
  }
  DetectorTrack::Walk& walk = track.since;
  if (track.stamp != stamp) {
    track.stamp = stamp;
    walk = {};
    walk.until = track.settled.until;
    walk.window = track.settled.window;
    walk.has_scored = track.settled.has_scored;
  }
  const DetectorTracks& all = *tracks[id];
  const Instant reached = reached_by(id);
  if (!track.settled.detector) begin_walk(id, walk, targets, reached);
  while (const auto end = next_end(*below[all.paced], targets[all.paced], below, walk.until, reached)) {
    if (!walk.detector && track.settled.detector) walk.detector = track.settled.detector->copy();
    take(id, walk, *end, targets, now);
  }
  walk.until = std::max(walk.until, reached);
  // Ends without a row were passed over unread; a row that comes for one of them must be noticed all the same.
  for (const Leaf* leaf : below)
    if (leaf->ring)
      leaf->ring->was_read(leaf->ring->keeps_rows() ? INT64_MIN : leaf->ring->clock().index(reached), reached);
}

namespace {

std::string rounded(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", value);
  return digits;
}

// `part`: the detector's answers up to the end that is read, newest last; their firings since `from` are counted.
void count_firings(const DetectorTrack& track, Instant from, Instant end, Reading& out) {
  std::uint64_t count = 0;
  Instant newest{};
  for (const DetectorTrack::Walk* walk : {&track.settled, &track.since})
    for (const DetectorTrack::Taken& one : walk->taken) {
      if (!one.detection.has_fired || one.at <= from || one.at > end) continue;
      ++count;
      newest = one.at;
    }
  out.value = static_cast<double>(count);
  if (count > 0) out.text = "newest at " + format_instant(newest);
}

}  // namespace

SharedReading MetricEngine::State::read_detector(HandleId id, const Target* targets, const AsOf& as_of, Instant now) {
  static const LabelSet no_labels;
  const DetectorTracks& all = *tracks[id];
  const HandleSpec& handle = handles[id];
  const Leaf& paced = *leaves_under[id][all.paced];
  const Instant reached = reached_by(id);
  Instant end = (as_of.at ? std::min(*as_of.at, reached) : reached) - as_of.shift;
  if (paced.kind == Leaf::Kind::window && reached != far_past)
    end = paced.ring->clock().start(paced.ring->clock().index(end));
  AsOf then;
  then.at = end;
  // A joined stream has a newest window of its own: the one whose labels are here.
  bool is_joined = false;
  for (const Leaf* leaf : leaves_under[id]) is_joined = is_joined || (leaf->stream->joined && !as_of.at);
  Reading r = *evaluate(handle.inputs[0], targets, is_joined || reached == far_past ? as_of : then, now);
  if (is_joined) end = r.to;
  r.value.reset();
  r.text.clear();
  r.low = r.high = r.p_value = std::nullopt;
  r.error = {};
  r.bins.clear();
  if (r.status != Status::ok) return r;

  if (handle.inputs.size() > 1) {
    const SharedReading mean = evaluate(handle.inputs[1], targets + leaves_under[handle.inputs[0]].size(), {}, now);
    if (const Leaf* const leaf = leaf_of[handle.inputs[1]]; leaf && leaf->baseline)
      r.baseline = leaf->baseline->evidence;
    r.baseline_n = mean->n;
    if (!reference_of(id, r, targets, now)) {
      r.status = Status::insufficient;
      r.reason = mean->reason.empty() ? "the baseline has no spread" : mean->reason;
      return r;
    }
  }

  const LabelSet* const labels = targets[all.paced].labels;
  DetectorTrack& track = track_of(id, is_grouped[id] && labels ? *labels : no_labels);
  catch_up(id, track, targets, now);
  r.is_final = r.is_final && end <= track.settled.until;
  const DetectorTrack::Taken* newest = nullptr;
  for (const DetectorTrack::Walk* walk : {&track.since, &track.settled})
    for (auto one = walk->taken.rbegin(); one != walk->taken.rend() && !newest; ++one)
      if (one->at <= end) newest = &*one;
  if (!newest) {
    r.status = Status::insufficient;
    r.reason = "no value was learnt by then";
    return r;
  }
  const Detection& found = newest->detection;
  if (handle.detector.counts_firings()) {
    count_firings(track, end - handle.detector.over, end, r);
    if (*r.value == 0 && !track.settled.has_scored && !track.since.has_scored) {
      r.status = Status::insufficient;
      r.reason = found.why;
    }
    return r;
  }
  if (found.scale > 0)
    r.text =
        "value " + rounded(newest->value) + ", expected " + rounded(found.expected) + ", scale " + rounded(found.scale);
  r.value = found.score;
  if (!found.score) {
    r.status = Status::insufficient;
    r.reason = found.why;
  }
  return r;
}

// A walk's end and its states; what is not final is walked again from the panes.
void MetricEngine::State::write_detectors(ByteWriter& out) const {
  std::uint64_t count = 0;
  for (const auto& all : tracks) count += all != nullptr;
  out.put(count);
  for (const auto& all : tracks) {
    if (!all) continue;
    out.text(all->key);
    ByteWriter body;
    body.put(all->settled_until.ns);
    body.put(static_cast<std::uint64_t>(all->by_labels.size()));
    for (const auto& [labels, track] : all->by_labels) {
      const DetectorTrack::Walk& walk = track.settled;
      labels.write(body);
      body.put(walk.until.ns);
      body.put(walk.window.ns);
      body.put(static_cast<std::uint8_t>(walk.has_scored));
      ByteWriter state;
      if (walk.detector) walk.detector->write(state);
      body.put(static_cast<std::uint8_t>(walk.detector != nullptr));
      body.text(state.bytes());
      body.put(static_cast<std::uint64_t>(walk.taken.size()));
      for (const DetectorTrack::Taken& one : walk.taken) {
        body.put(one.at.ns);
        body.put(one.value);
        body.put(static_cast<std::uint8_t>(one.detection.score.has_value()));
        body.put(one.detection.score.value_or(0));
        body.put(static_cast<std::uint8_t>(one.detection.has_fired));
        body.put(one.detection.expected);
        body.put(one.detection.scale);
        body.text(one.detection.why);
      }
    }
    out.text(body.bytes());
  }
}

Done MetricEngine::State::read_detectors(ByteReader& in) {
  // One that is new to the checkpoint begins with what comes: the panes before may be half forgotten.
  for (HandleId id = 0; id < tracks.size(); ++id)
    if (tracks[id]) tracks[id]->settled_until = final_by(id);
  for (std::size_t i = in.count(8); i > 0 && in.good(); --i) {
    const std::string key = in.text();
    const std::string bytes = in.text();
    for (HandleId id = 0; id < tracks.size(); ++id) {
      if (!tracks[id] || tracks[id]->key != key) continue;
      DetectorTracks& all = *tracks[id];
      ByteReader body(bytes);
      all.settled_until.ns = body.nanoseconds();
      for (std::size_t j = body.count(30); j > 0 && body.good(); --j) {
        LabelSet labels = LabelSet::read(body);
        DetectorTrack::Walk walk;
        walk.until.ns = body.nanoseconds();
        walk.window.ns = body.nanoseconds();
        walk.has_scored = body.get<std::uint8_t>() != 0;
        const bool has_detector = body.get<std::uint8_t>() != 0;
        const std::string state = body.text();
        if (has_detector && body.good()) {
          ByteReader own(state);
          walk.detector = std::move(*make_detector(handles[id].detector));
          if (!walk.detector->read(own)) return invalid("metrics checkpoint: the state of a detector is damaged");
        }
        for (std::size_t k = body.count(46); k > 0 && body.good(); --k) {
          DetectorTrack::Taken one;
          one.at.ns = body.nanoseconds();
          one.value = body.get<double>();
          const bool has_score = body.get<std::uint8_t>() != 0;
          const double score = body.get<double>();
          if (has_score) one.detection.score = score;
          one.detection.has_fired = body.get<std::uint8_t>() != 0;
          one.detection.expected = body.get<double>();
          one.detection.scale = body.get<double>();
          one.detection.why = body.text();
          walk.taken.push_back(std::move(one));
        }
        all.by_labels[std::move(labels)].settled = std::move(walk);
      }
      if (!body.good()) return invalid("metrics checkpoint: the state of a detector is damaged");
    }
  }
  return done();
}

}  // namespace tidewatch
