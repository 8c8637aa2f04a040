// Reading a joined stream. "mature" takes the newest window enough of whose labels are there, or whose labels have had
// their time; its end never moves back. Until there is one, the newest closed window is shown as `immature`, which no
// condition is ever judged on.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "metrics/engine_state.h"
#include "metrics/families/tally.h"

namespace tidewatch {
namespace {

std::string in_percent(double share) { return format_number(std::round(share * 1000) / 10) + " %"; }

}  // namespace

SharedReading MetricEngine::State::read_joined(Leaf& leaf, Leaf::Part& part, Series* series, const AsOf& as_of,
                                               Instant now) {
  Ring& ring = *leaf.ring;
  const StreamState& stream = *leaf.stream;
  const JoinedStream& joined = *stream.joined;
  const JoinSpec& join = *stream.spec.join;
  const PaneClock& clock = ring.clock();
  const Instant watermark = stream.watermark.value();
  static const LabelSet no_labels;
  const LabelSet& labels = series ? series->labels : no_labels;
  Reading fresh;
  fresh.as_of = now;
  if (watermark == far_past) {
    fresh.reason = "no row of the stream yet";
    return fresh;
  }
  const Instant settled = joined.settled_watermark(join);
  const auto is_settled = [&](Instant to) { return settled != far_past && settled >= to + leaf.lateness; };
  // Windows up to here need not be asked for their coverage: their labels have had their time or, over label time,
  // their predictions have all had theirs.
  Instant complete = settled;
  if (join.is_over_label_time) {
    complete = joined.predictions->watermark.value();
    if (complete != far_past) complete = complete - join.early;
  }
  if (complete != far_past) complete = complete - leaf.lateness;
  const auto window_at = [&](Instant reached) {
    return window_range(leaf.spec.window, clock, leaf.panes, leaf.calendar, reached, false);
  };
  std::vector<RecordedWindow>* windows = nullptr;
  if (series && series->recorded.size() > part.recorder) windows = &series->recorded[part.recorder];

  WindowRange range = window_at(as_of.at ? *as_of.at : watermark);
  if (leaf.spec.read == ReadMode::mature && !as_of.at) {
    const WindowRange newest = range;
    // Nothing before the newest window whose labels have had their time, and nothing before what was read already.
    Instant floor = far_past;
    if (complete != far_past) floor = std::min(newest.to, window_at(complete).to);
    if (floor <= stream.first_row) floor = far_past;  // before there was anything to wait for
    if (windows && !windows->empty()) floor = std::max(floor, windows->back().reading->to);
    bool is_found = false;
    if (leaf.coverage && leaf.panes > 0) {
      const std::int64_t oldest = floor == far_past ? INT64_MIN / 2 : clock.index(floor);
      if (const auto end = leaf.coverage->newest_covered(labels, newest.end, oldest, leaf.panes, join.coverage)) {
        range = window_at(clock.start(*end));
        is_found = true;
      }
    } else if (leaf.coverage) {
      for (WindowRange each = newest; each.to > floor && !is_found; each = window_at(each.to - nanoseconds(1))) {
        const CoverageSum sum = leaf.coverage->sum(labels, each.first, each.end);
        is_found = sum.predictions > 0 && sum.share() >= join.coverage;
        if (is_found) range = each;
        if (floor == far_past && each.to + days(1000) < newest.to) break;
      }
    }
    if (!is_found && floor != far_past) range = window_at(floor);
  }
  if (as_of.shift.ns != 0) range = window_at(range.to - as_of.shift);

  const bool by_age = complete != far_past && complete >= range.to;
  RecordedWindow* known = nullptr;
  if (windows)
    for (RecordedWindow& window : *windows)
      if (window.reading->to == range.to) known = &window;
  if (known) {
    if (known->reading->is_final) return known->reading;
    const bool is_current = known->series_version == series->version && known->mark_version == ring.mark_version();
    if (is_current && !is_settled(range.to) && (known->reading->status != Status::immature || !by_age))
      return known->reading;
  }

  fresh.from = range.from;
  fresh.to = range.to;
  ring.was_read(range.end, range.to);
  CoverageSum sum;
  if (leaf.coverage) sum = leaf.coverage->sum(labels, range.first, range.end);
  const FamilyState* state = nullptr;
  PastRead past;
  const bool is_newest = !as_of.at && as_of.shift.ns == 0;
  if (series && part.spec.trailing.is_set()) {
    read_past(leaf, part, *series, range, is_newest, settled, past);
    fresh.baseline = past.evidence;
  }
  if (series) {
    const bool goes_on = series->caches.size() <= part.reader || range.end >= series->caches[part.reader].end;
    state = ring.window_state(*series, part.slot, part.reader, range.first, range.end, is_newest && goes_on);
  }
  const bool had_rows = leaf.coverage ? sum.predictions > 0 : ring.had_rows(range.first, range.end);
  const bool begins_early = (leaf.is_extensive || leaf.spec.full) && range.from < stream.first_row;
  finish(leaf, part, state, *ring.slots()[part.slot].family, had_rows, begins_early,
         ring.undefined_in(range.first, range.end), fresh, &past);

  if (leaf.coverage) {
    fresh.nulls += sum.nulls;
    fresh.pending = sum.pending();
    fresh.leaked = sum.leaked;
    fresh.relabelled = sum.relabelled;
    if (sum.predictions > 0) fresh.coverage = sum.share();
  }
  const bool is_covered = leaf.coverage ? sum.predictions > 0 && sum.share() >= join.coverage : by_age;
  const bool has_rows = leaf.coverage ? sum.predictions > 0 : state != nullptr;
  if (has_rows && !is_covered && !by_age) {
    fresh.status = Status::immature;
    fresh.reason = leaf.coverage
                       ? "labels of " + with_thousands(sum.covered) + " of " + with_thousands(sum.predictions) +
                             " predictions are here, " + in_percent(join.coverage) + " asked"
                       : "predictions these labels may belong to are still under way";
  } else if (has_rows && !is_covered) {
    fresh.status = Status::insufficient;
    fresh.reason = "only " + with_thousands(sum.covered) + " of " + with_thousands(sum.predictions) +
                   " predictions ever got a label, " + in_percent(join.coverage) + " asked";
  }
  // An immature window is recorded by "latest" alone: "mature" must be free to pass it by.
  const bool is_recorded = series && (fresh.status != Status::immature || leaf.spec.read == ReadMode::latest);
  if (!is_recorded || (!by_age && !has_rows)) return fresh;
  return record(leaf, part, *series, std::move(fresh), far_future, settled);
}

Reading MetricEngine::State::read_coverage(Leaf& leaf, const AsOf& as_of, Instant now) {
  static const LabelSet no_labels;
  const StreamState& stream = *leaf.stream;
  const JoinedStream& joined = *stream.joined;
  const Instant watermark = stream.watermark.value();
  Reading r;
  r.as_of = now;
  if (watermark == far_past) {
    r.reason = "no row of the stream yet";
    return r;
  }
  const WindowRange range = window_range(leaf.spec.window, leaf.coverage->clock(), leaf.panes, leaf.calendar,
                                         (as_of.at ? *as_of.at : watermark) - as_of.shift, false);
  r.from = range.from;
  r.to = range.to;
  const Instant settled = joined.settled_watermark(*stream.spec.join);
  r.is_final = settled != far_past && settled >= r.to + leaf.lateness;
  const CoverageSum sum = leaf.coverage->sum(no_labels, range.first, range.end);
  r.pending = sum.pending();
  r.leaked = sum.leaked;
  r.relabelled = sum.relabelled;
  if (sum.predictions == 0) {
    r.reason = "no prediction in the window";
    return r;
  }
  r.coverage = sum.share();
  r.n = sum.predictions;
  if (leaf.spec.metric == "coverage") {
    settle(r, leaf.spec, sum.share());
    set_wilson(r, sum.covered, sum.predictions);
    for (std::size_t i = 0; i < sum.tenths.size() && !leaf.spec.columns.empty(); ++i) {
      const CoverageSum::Tenth& tenth = sum.tenths[i];
      if (tenth.predictions == 0) continue;
      const double share = static_cast<double>(tenth.covered) / static_cast<double>(tenth.predictions);
      r.bins.push_back({static_cast<double>(i) / 10, static_cast<double>(i + 1) / 10, tenth.predictions,
                        (static_cast<double>(i) + 0.5) / 10, share});
    }
    return r;
  }
  const DelayCounts counts = leaf.coverage->delays(no_labels, range.first, range.end, joined.labels->watermark.value(),
                                                   stream.spec.join->within);
  r.n = counts.rows();
  r.nulls = sum.predictions - r.n;
  const auto quantile = delay_quantile(counts, leaf.spec.q);
  if (quantile) {
    settle(r, leaf.spec, static_cast<double>(*quantile) / 1e9);
    return r;
  }
  r.status = Status::immature;
  r.reason = "the curve has not come down to 1 - q: too few labels are here";
  std::int64_t age = 0;
  if (!counts.censored.empty()) age = counts.censored.rbegin()->first;
  r.low = static_cast<double>(age) / 1e9;
  return r;
}

}  // namespace tidewatch
