// Readings out. Windows are read lazily: the first read of a window records it, a later read is the same object unless
// rows landed in it since, and a final one never changes. So a read that finds nothing new costs a comparison.
#include <algorithm>
#include <set>

#include "metrics/engine_state.h"
#include "metrics/expectation.h"

namespace tidewatch {
namespace {

// What is known of the chance before the family says its kind.
void begin_chance(const Leaf& leaf, Reading& out) {
  out.chance = std::make_shared<Chance>();
  const WindowSpec& window = leaf.spec.window;
  out.chance->over = window.kind == WindowSpec::Kind::sliding ? window.over : out.to - out.from;
  const bool is_counted = window.kind == WindowSpec::Kind::rows || window.kind == WindowSpec::Kind::business_days;
  out.chance->reads = is_counted ? window.count
                      : window.kind == WindowSpec::Kind::sliding
                          ? static_cast<std::uint32_t>(std::max<std::int64_t>(1, leaf.panes))
                          : 1;
}

}  // namespace

void MetricEngine::State::finish(const Leaf& leaf, const Leaf::Part& part, const FamilyState* state,
                                 const Family& family, bool had_rows, bool begins_early, const std::string* undefined,
                                 Reading& out, const PastRead* past) const {
  ReadContext context{out.from, out.to, out.as_of};
  if (past) {
    context.reference = past->state;
    context.cut = past->cut;
    context.slots = past->slots;
  }
  if (leaf.baseline) out.baseline = leaf.baseline->evidence;
  if (part.spec.is_calibrated) begin_chance(leaf, out);
  if (state) {
    family.read(*state, part.spec, context, out);
  } else if (leaf.spec.metric == "job_success") {
    // No row at all is what a job that does not run looks like: runs that were due have failed.
    family.read(*family.make(), part.spec, context, out);
  } else if (leaf.is_zero_when_empty && had_rows) {
    out.value = 0.0;
    out.status = Status::ok;
  } else {
    out.status = Status::no_data;
    out.reason = had_rows ? "no row of the series in the window" : "no row of the stream in the window";
  }
  if (leaf.baseline) {
    if (out.baseline_n == 0) out.baseline_n = leaf.baseline->rows;
    if (state && (!leaf.baseline->is_sealed || leaf.baseline->rows == 0)) {
      out.status = Status::insufficient;
      out.reason = "baseline \"" + leaf.spec.against + "\" has no rows";
    }
  }
  if (begins_early && (out.status == Status::ok || out.status == Status::undefined)) {
    out.status = Status::insufficient;
    out.reason = leaf.kind == Leaf::Kind::rows ? "fewer rows than the window asks for"
                                               : "the window begins before the stream's first row";
  }
  if (undefined && out.status != Status::insufficient) {
    out.status = Status::undefined;
    out.reason = *undefined;
  }
  if (out.status == Status::undefined || out.status == Status::no_data) out.value.reset();
  if (out.chance && out.chance->kind == Chance::Kind::none) out.chance.reset();
}

SharedReading MetricEngine::State::record(Leaf& leaf, Leaf::Part& part, Series& series, SharedReading made,
                                          Instant next_row, Instant watermark) {
  Reading& fresh = made.edit();
  Ring& ring = *leaf.ring;
  if (series.recorded.size() <= part.recorder) series.recorded.resize(part.recorder + 1);
  std::vector<RecordedWindow>& windows = series.recorded[part.recorder];
  const Instant to = fresh.to;
  auto place = windows.end();
  if (!windows.empty() && windows.back().to >= to)
    place = std::lower_bound(windows.begin(), windows.end(), to,
                             [](const RecordedWindow& w, Instant t) { return w.to < t; });
  const std::uint64_t rows = fresh.n + fresh.nulls + fresh.excluded;
  fresh.is_final = watermark >= to + leaf.lateness;
  if (place == windows.end() || place->to != to) {
    RecordedWindow window;
    window.first_rows = rows;
    window.to = to;
    place = windows.insert(place, std::move(window));
  } else {
    const Reading& before = *place->reading;
    const bool changed = before.value != fresh.value || before.text != fresh.text || before.status != fresh.status;
    fresh.revision = before.revision + (changed ? 1 : 0);
    if (!changed) fresh.as_of = before.as_of;
    fresh.late = rows > place->first_rows ? rows - place->first_rows : before.late;
    // Windows of rows are found by their newest alone. An older one that is looked at again and is as it was stays as
    // it is, or a run that was restored, and looks again, would save other bytes.
    const bool is_same = !changed && fresh.late == before.late && fresh.is_final == before.is_final;
    if (leaf.kind == Leaf::Kind::rows && is_same && place + 1 != windows.end()) return place->reading;
  }
  place->is_final = fresh.is_final;
  place->reading = made;
  place->series_version = series.version;
  place->mark_version = ring.mark_version();
  place->next_row = next_row;
  // Kept: windows still open to revision and the newest final one; all that are read again when looked back at.
  const Instant needed = leaf.keeps_windows ? watermark - leaf.lateness - leaf.keep_behind : watermark - leaf.lateness;
  std::size_t drop = 0;
  while (drop + 1 < windows.size() && windows[drop + 1].to <= needed) ++drop;
  if (drop > 0) windows.erase(windows.begin(), windows.begin() + static_cast<std::ptrdiff_t>(drop));
  return made;
}

SharedReading MetricEngine::State::read_part(Leaf& leaf, Leaf::Part& part, Series* series, const AsOf& as_of,
                                             Instant now) {
  Ring& ring = *leaf.ring;
  const StreamState& stream = *leaf.stream;
  if (stream.joined) return read_joined(leaf, part, series, as_of, now);
  const Instant watermark = stream.watermark.value();
  if (watermark == far_past) {
    Reading none;
    none.as_of = now;
    none.reason = "no row of the stream yet";
    return none;
  }
  const bool is_newest = !as_of.at && as_of.shift.ns == 0;
  const bool is_open = leaf.spec.read == ReadMode::open && !as_of.at;
  Instant reached = (as_of.at ? *as_of.at : watermark) - as_of.shift;
  if (is_open) reached = std::max(reached, stream.watermark.reached() - as_of.shift);
  const WindowRange range = window_range(leaf.spec.window, ring.clock(), leaf.panes, leaf.calendar, reached, is_open);
  RecordedWindow* known = nullptr;
  if (!is_open && series && series->recorded.size() > part.recorder) {
    std::vector<RecordedWindow>& windows = series->recorded[part.recorder];
    if (!windows.empty() && windows.back().to >= range.to) {
      const auto place = std::lower_bound(windows.begin(), windows.end(), range.to,
                                          [](const RecordedWindow& w, Instant to) { return w.to < to; });
      if (place->to == range.to) known = &*place;
    }
  }
  if (known) {
    if (known->is_final) return known->reading;
    if (known->series_version == series->version && known->mark_version == ring.mark_version()) {
      if (watermark >= range.to + leaf.lateness) known->reading.edit().is_final = known->is_final = true;
      return known->reading;
    }
  }
  SharedReading made;
  Reading& fresh = made.edit();
  fresh.as_of = now;
  fresh.from = range.from;
  fresh.to = range.to;
  if (!is_open) ring.was_read(range.end, range.to);
  const Family& family = *ring.slots()[part.slot].family;
  const FamilyState* state = nullptr;
  PastRead past;
  if (series && part.spec.trailing.is_set()) {
    read_past(leaf, part, *series, range, is_newest && !is_open, watermark, past);
    fresh.baseline = past.evidence;
  }
  if (series) {
    const bool goes_on = series->caches.size() <= part.reader || range.end >= series->caches[part.reader].end;
    const std::int64_t closed_end = is_open ? ring.clock().index(watermark) : range.end;
    if (is_open && is_newest && closed_end < range.end)
      state = ring.open_window_state(*series, part.slot, part.reader, range.first, closed_end, range.end);
    else  // a detector that catches up moves forward as the newest window does
      state = ring.window_state(*series, part.slot, part.reader, range.first, range.end,
                                as_of.shift.ns == 0 && !is_open && goes_on);
  }
  const bool begins_early = (leaf.is_extensive || leaf.spec.full) && range.from < stream.first_row;
  finish(leaf, part, state, family, !state && ring.had_rows(range.first, range.end), begins_early,
         ring.undefined_in(range.first, range.end), fresh, &past);
  if (is_open || !series) return made;
  return record(leaf, part, *series, std::move(made), far_future, watermark);
}

SharedReading MetricEngine::State::read_rows(Leaf& leaf, Leaf::Part& part, Series* series, const AsOf& as_of,
                                             Instant now) {
  Ring& ring = *leaf.ring;
  const Instant watermark = leaf.stream->watermark.value();
  Reading fresh;
  fresh.as_of = now;
  if (watermark == far_past || !series) {
    fresh.reason = "no row of the series yet";
    return fresh;
  }
  const bool is_open = leaf.spec.read == ReadMode::open && !as_of.at && as_of.shift.ns == 0;
  const Instant reached = is_open ? far_future : (as_of.at ? *as_of.at : watermark) - as_of.shift;
  if (!is_open && series->recorded.size() > part.recorder && !series->recorded[part.recorder].empty()) {
    RecordedWindow& newest = series->recorded[part.recorder].back();
    if (newest.series_version == series->version && newest.mark_version == ring.mark_version() &&
        reached < newest.next_row && reached >= newest.to - nanoseconds(1)) {
      const bool is_final = watermark >= newest.to + leaf.lateness;
      if (is_final != newest.is_final) newest.reading.edit().is_final = newest.is_final = is_final;
      return newest.reading;
    }
  }
  Ring::RowsRead read = ring.rows_state(*series, part.slot, part.reader, leaf.spec.window.count, reached);
  if (!read.state) {
    fresh.reason = "no row of the series yet";
    return fresh;
  }
  fresh.from = read.from;
  fresh.to = read.to + nanoseconds(1);
  if (!is_open) ring.was_read(INT64_MIN, reached);
  const bool begins_early = (leaf.is_extensive || leaf.spec.full) && read.rows < leaf.spec.window.count;
  const std::int64_t day = days(1).ns;
  PastRead past;
  if (part.spec.trailing.is_set()) {
    Ring::RowsRead before = ring.rows_before(*series, part.slot, read.first, part.spec.trailing);
    past.cut = cut_for(leaf, part, *series, read.from, watermark, past.fresh);
    fresh.baseline = std::make_shared<const BaselineEvidence>(
        BaselineEvidence{part.spec.trailing.text(), before.from, before.to, ""});
    if (before.is_full) past.own = std::move(before.made);
    past.state = past.own.get();
  }
  finish(leaf, part, read.state, *ring.slots()[part.slot].family, true, begins_early,
         ring.undefined_in(floor_to(fresh.from, days(1)).ns / day, floor_to(fresh.to, days(1)).ns / day + 1), fresh,
         &past);
  if (is_open) return fresh;
  return record(leaf, part, *series, std::move(fresh), read.next_row, watermark);
}

Reading MetricEngine::State::read_stream(Leaf& leaf, const AsOf& as_of, Instant now) {
  const StreamState& stream = *leaf.stream;
  if (stream.joined) return read_coverage(leaf, as_of, now);
  const std::string& metric = leaf.spec.metric;
  if (metric == "freshness") {
    Instant newest = stream.watermark.newest();
    if (leaf.of_column) newest = stream.newest_in.at(*leaf.of_column);
    return freshness_reading(leaf.spec, leaf.calendar, newest, stream.started, now);
  }
  if (metric == "arrival_age")
    return freshness_reading(leaf.spec, leaf.calendar, stream.watermark.last_arrival(), stream.started, now);
  if (metric == "schema_hash") return schema_hash_reading(leaf.spec, stream.log, stream.spec.schema, now);
  const Instant watermark = stream.watermark.value();
  Instant to = watermark == far_past ? now : watermark, from = far_past;
  if (as_of.at) to = *as_of.at;
  to = to - as_of.shift;
  if (leaf.spec.window.kind == WindowSpec::Kind::none) {
    to = to + seconds(1);
  } else {
    const PaneClock clock = leaf.spec.window.kind == WindowSpec::Kind::sliding ? PaneClock(leaf.spec.step)
                                                                               : PaneClock(leaf.spec.window.zone);
    // A delivery counts as soon as it came: what was refused or misshapen must not wait for the pane to close.
    const WindowRange range = window_range(leaf.spec.window, clock, leaf.panes, leaf.calendar, to, true);
    from = range.from;
    to = range.to;
  }
  if (metric == "ingested") return ingested_reading(stream.log, from, to, now);
  return schema_changes_reading(stream.log, stream.counters.received > 0, from, to, now);
}

Target MetricEngine::State::target_of(Leaf& leaf, const LabelSet& labels) {
  Target out;
  out.labels = &labels;
  if (leaf.kind == Leaf::Kind::stream) return out;
  out.series = leaf.ring ? leaf.ring->ungrouped() : nullptr;
  if (leaf.is_by_column) {
    const auto found = leaf.column_labels.find(labels);
    out.is_known = found != leaf.column_labels.end();
    if (!out.is_known) return out;
    out.part = found->second.first;
    if (leaf.ring && !out.series) out.series = leaf.ring->find(found->second.second);
  } else if (leaf.ring && !out.series) {
    out.series = leaf.ring->find(labels);
  }
  return out;
}

SharedReading MetricEngine::State::read_leaf(Leaf& leaf, const Target& target, const AsOf& as_of, Instant now) {
  if (leaf.kind == Leaf::Kind::stream) return read_stream(leaf, as_of, now);
  if (!target.is_known) {
    Reading none;
    none.as_of = now;
    none.reason = "no such label set";
    return none;
  }
  Series* const series = target.series;
  Leaf::Part& part = leaf.parts[target.part];
  if (leaf.kind == Leaf::Kind::baseline) return read_baseline(leaf, part, now);
  return leaf.kind == Leaf::Kind::rows ? read_rows(leaf, part, series, as_of, now)
                                       : read_part(leaf, part, series, as_of, now);
}

SharedReading MetricEngine::State::evaluate(HandleId id, const LabelSet& labels, const AsOf& as_of, Instant now) {
  std::vector<Target> targets;
  targets.reserve(leaves_under[id].size());
  for (Leaf* leaf : leaves_under[id]) targets.push_back(target_of(*leaf, labels));
  return evaluate(id, targets.data(), as_of, now);
}

SharedReading MetricEngine::State::evaluate(HandleId id, const Target* targets, const AsOf& as_of, Instant now) {
  if (leaf_of[id]) return read_leaf(*leaf_of[id], *targets, as_of, now);
  const HandleSpec& handle = handles[id];
  using Op = HandleSpec::Op;
  const auto earlier = [&] {
    AsOf then = as_of;
    then.shift = then.shift + handle.span;
    return evaluate(handle.inputs[0], targets, then, now);
  };
  switch (handle.op) {
    case Op::metric:
      break;
    case Op::constant:
      return constant_reading(handle.constant, now);
    case Op::negate:
      return negate(evaluate(handle.inputs[0], targets, as_of, now));
    case Op::shifted:
      return earlier();
    case Op::change: {
      const SharedReading then = earlier();
      return combine(Op::change, evaluate(handle.inputs[0], targets, as_of, now), then);
    }
    case Op::rate:
      return per_second(evaluate(handle.inputs[0], targets, as_of, now));
    case Op::max_over:
    case Op::min_over:
    case Op::mean_over: {
      const std::vector<SharedReading> readings = readings_within(id, targets, as_of, now);
      Reading r = over_readings(handle.op, readings);
      r.as_of = std::max(r.as_of, readings.empty() ? now : far_past);
      return r;
    }
    case Op::trailing:
    case Op::seasonal:
      return expected(id, targets, as_of, now);
    case Op::detector:
      return read_detector(id, targets, as_of, now);
    case Op::forecast:
    case Op::time_to: {
      const std::vector<SharedReading> readings = readings_within(id, targets, as_of, now);
      Reading r = trend_reading(handle, readings);
      if (readings.empty()) r.as_of = now;
      return r;
    }
    case Op::deviation: {
      const SharedReading value = evaluate(handle.inputs[0], targets, as_of, now);
      const SharedReading reference =
          evaluate(handle.inputs[1], targets + leaves_under[handle.inputs[0]].size(), as_of, now);
      Reading r = combine(handle.op, value, reference);
      const Op from = handles[handle.inputs[1]].op;
      if (from == Op::trailing || from == Op::seasonal) show_expected(r, value, reference);
      if (!r.baseline && !pasts[handle.inputs[1]].empty()) {
        r.baseline = std::make_shared<const BaselineEvidence>(
            BaselineEvidence{pasts[handle.inputs[1]], reference->from, reference->to, ""});
        r.baseline_n = reference->n;
      }
      return r;
    }
    default:
      return combine(handle.op, evaluate(handle.inputs[0], targets, as_of, now),
                     evaluate(handle.inputs[1], targets + leaves_under[handle.inputs[0]].size(), as_of, now));
  }
  return {};
}

std::vector<SharedReading> MetricEngine::State::readings_within(HandleId id, const Target* targets, const AsOf& as_of,
                                                                Instant now) {
  std::vector<SharedReading> readings;
  const auto place = paced_leaf(id);
  if (!place) return readings;
  const Leaf& paced = *leaves_under[id][*place];
  const Instant watermark = paced.stream->watermark.value();
  if (watermark == far_past) return readings;
  Instant newest = (as_of.at ? *as_of.at : watermark) - as_of.shift;
  if (paced.kind == Leaf::Kind::window) newest = paced.ring->clock().start(paced.ring->clock().index(newest));
  const Instant oldest = newest - handles[id].span;
  std::vector<Instant> ends;
  if (paced.kind == Leaf::Kind::rows) {
    auto end = next_end(paced, targets[*place], {}, oldest, newest);
    for (; end; end = next_end(paced, targets[*place], {}, *end, newest)) ends.push_back(*end);
  } else {
    const PaneClock& clock = paced.ring->clock();
    for (std::int64_t pane = clock.index(oldest) + 1; clock.start(pane) <= newest; ++pane)
      ends.push_back(clock.start(pane));
  }
  for (const Instant end : ends) {
    AsOf at;
    at.at = end;
    readings.push_back(evaluate(handles[id].inputs[0], targets, at, now));
  }
  return readings;
}

// Windows of the input's own past. Trailing ones are walked back, each ending where the one after it begins, so that
// windows of any kind (calendar months, business days) are whole and are counted once.
SharedReading MetricEngine::State::expected(HandleId id, const Target* targets, const AsOf& as_of, Instant now) {
  constexpr std::size_t most_windows = 10'000, least_seasons = 4;
  const HandleSpec& handle = handles[id];
  std::vector<SharedReading> readings;
  if (handle.op == HandleSpec::Op::seasonal) {
    for (std::uint32_t k = 1; k <= handle.periods; ++k) {
      AsOf then = as_of;
      then.shift = then.shift + handle.span * k;
      readings.push_back(evaluate(handle.inputs[0], targets, then, now));
    }
    return expected_reading(readings, least_seasons, true, now);
  }
  bool is_by_rows = false;  // a window of rows as of an instant holds the row at that instant
  for (const Leaf* leaf : leaves_under[id]) is_by_rows = is_by_rows || leaf->kind == Leaf::Kind::rows;
  Instant end = evaluate(handle.inputs[0], targets, as_of, now)->from - handle.gap;
  const Instant oldest = handle.rows > 0 ? far_past : end - handle.span;
  std::size_t wanted = most_windows;
  if (handle.rows > 0) wanted = handle.rows / std::max(1u, leaves_under[id].front()->spec.window.count);
  while (end > oldest && readings.size() < wanted) {
    AsOf then;
    then.at = is_by_rows ? end - nanoseconds(1) : end;
    SharedReading one = evaluate(handle.inputs[0], targets, then, now);
    if (one->to <= one->from || one->to > end || one->from < oldest) break;
    end = one->from;
    readings.push_back(std::move(one));
  }
  return expected_reading(readings, 1, handle.is_median, now);
}

void MetricEngine::State::labels_under(HandleId id, std::vector<const LabelSet*>& out) {
  out.clear();
  if (Leaf* const leaf = leaf_of[id]) {
    if (!leaf->is_by_column) {
      if (leaf->ring)
        for (const auto& [labels, series] : leaf->ring->series()) out.push_back(&labels);
      return;
    }
    const auto add = [&](const LabelSet& base) {
      for (std::size_t i = 0; i < leaf->parts.size(); ++i) {
        LabelSet labels = base;
        labels.set("column", leaf->parts[i].column);
        leaf->column_labels.try_emplace(std::move(labels), i, base);
      }
    };
    if (!leaf->ring)
      add(LabelSet());
    else
      for (const auto& [labels, series] : leaf->ring->series()) add(labels);
    for (auto place = leaf->column_labels.begin(); place != leaf->column_labels.end();) {
      if (leaf->ring && !leaf->ring->find(place->second.second)) {
        place = leaf->column_labels.erase(place);
        continue;
      }
      out.push_back(&place->first);
      ++place;
    }
    return;
  }
  const std::vector<HandleId>& inputs = handles[id].inputs;
  const auto less = [](const LabelSet* a, const LabelSet* b) { return *a < *b; };
  std::set<const LabelSet*, decltype(less)> all(less);
  std::vector<const LabelSet*> part;
  for (const HandleId input : inputs) {
    if (!is_grouped[input]) continue;
    labels_under(input, part);
    if (inputs.size() == 1) {
      out = part;
      return;
    }
    all.insert(part.begin(), part.end());
  }
  out.assign(all.begin(), all.end());
}

void MetricEngine::State::know_columns(HandleId id) {
  std::vector<const LabelSet*> known;
  for (const Leaf* leaf : leaves_under[id]) {
    if (!leaf->is_by_column) continue;
    labels_under(id, known);
    return;
  }
}

const Listing& MetricEngine::State::list(HandleId id) {
  static const LabelSet no_labels;
  Listing& listing = listings[id];
  if (!is_grouped[id] && listing.generation != 0) return listing;  // its one row never moves
  std::uint64_t seen = 0;  // generations only grow, so their sum changes with any of them
  for (const Leaf* leaf : leaves_under[id])
    if (leaf->ring) seen += leaf->ring->series_generation();
  if (seen == listing.seen) return listing;
  listing.seen = seen;
  ++listing.generation;
  listing.targets.clear();
  if (Leaf* const leaf = leaf_of[id]; leaf && is_grouped[id] && leaf->ring && !leaf->is_by_column) {
    listing.labels.clear();  // the label sets of the ring, each with its series beside it
    for (const auto& [labels, series] : leaf->ring->series()) {
      listing.labels.push_back(&labels);
      listing.targets.emplace_back().series = series.get();
    }
    return listing;
  }
  if (is_grouped[id])
    labels_under(id, listing.labels);
  else
    listing.labels.assign(1, &no_labels);
  for (const LabelSet* labels : listing.labels)
    for (Leaf* leaf : leaves_under[id]) listing.targets.push_back(target_of(*leaf, *labels));
  return listing;
}

namespace {

void hide_constant(SharedReading& r) {
  if (r->n == UINT64_MAX) r.edit().n = 0;
}

}  // namespace

MetricEngine::Rows MetricEngine::rows(HandleId handle) {
  if (handle >= state_->handles.size()) return {{}, 0};
  const Listing& listing = state_->list(handle);
  return {listing.labels, listing.generation};
}

bool MetricEngine::is_grouped(HandleId handle) const { return state_->is_grouped[handle] != 0; }

SharedReading MetricEngine::read_row(HandleId handle, std::size_t row, Instant now) {
  const Listing& listing = state_->listings[handle];
  SharedReading r =
      state_->evaluate(handle, listing.targets.data() + row * state_->leaves_under[handle].size(), {}, now);
  hide_constant(r);
  return r;
}

void MetricEngine::read(HandleId handle, Instant now, std::vector<SeriesReading>& out) {
  out.clear();
  const Rows all = rows(handle);
  out.reserve(all.labels.size());
  for (std::size_t row = 0; row < all.labels.size(); ++row)
    out.push_back({all.labels[row], read_row(handle, row, now)});
}

Reading MetricEngine::read_one(HandleId handle, const LabelSet& labels, Instant now) {
  state_->know_columns(handle);
  SharedReading r = state_->evaluate(handle, labels, {}, now);
  hide_constant(r);
  return *r;
}

Reading MetricEngine::read_at(HandleId handle, const LabelSet& labels, Instant window_end, Instant now) {
  State::AsOf as_of;
  as_of.at = window_end;
  state_->know_columns(handle);
  SharedReading r = state_->evaluate(handle, labels, as_of, now);
  hide_constant(r);
  return *r;
}

}  // namespace tidewatch
