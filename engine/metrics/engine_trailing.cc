// Windows against the time before them: the panes and rows of that time, and the bins in force. See trailing_cuts.h.
#include "metrics/windows/trailing_cuts.h"

#include <algorithm>

#include "metrics/engine_state.h"
#include "metrics/windows/seasonal_slots.h"

namespace tidewatch {

void TrailingCuts::write(const Family& family, ByteWriter& out) const {
  out.put(next.ns);
  out.put(static_cast<std::uint64_t>(made.size()));
  for (const auto& [since, cut] : made) {
    out.put(since.ns);
    family.write_cut(*cut, out);
  }
}

bool TrailingCuts::read(const Family& family, ByteReader& in) {
  next.ns = in.nanoseconds();
  made.clear();
  for (std::size_t i = in.count(8); i > 0 && in.good(); --i) {
    const Instant since{in.nanoseconds()};
    auto cut = family.read_cut(in);
    if (!cut) return false;
    made.emplace_back(since, std::move(cut));
  }
  return in.good();
}

namespace {

Instant pane_at_or_after(const PaneClock& clock, Instant t) {
  const std::int64_t pane = clock.index(t);
  return clock.start(pane) == t ? t : clock.start(pane + 1);
}

// How far apart tries are while the reference has too few rows.
Duration stride_of(const TrailingSpec& spec) { return spec.span.ns > 0 ? std::min(spec.span, spec.rebin) : spec.rebin; }

// Where a window of panes is cut for next.
Instant first_cut(const TrailingSpec& spec, const PaneClock& clock, const Series& series, const TrailingCuts& cuts) {
  if (cuts.next != far_past) return cuts.next;
  return pane_at_or_after(clock, clock.start(clock.index(series.first_row)) + spec.span + spec.gap);
}

// The first index of a row with nothing null that is needed, at `from` or later and with `least` rows before it;
// rows.rows when there is none.
std::size_t usable_row(const Batch& rows, Instant from, std::size_t least, const std::vector<std::size_t>& needed) {
  const auto& times = rows.columns[rows.time_column].integers;
  auto at = static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), from.ns) - times.begin());
  at = std::max(at, least);
  const auto has_null = [&](std::size_t row) {
    return std::any_of(needed.begin(), needed.end(), [&](std::size_t c) { return rows.columns[c].null[row] != 0; });
  };
  while (at < rows.rows && has_null(at)) ++at;
  return at;
}

}  // namespace

WindowRange past_range(const TrailingSpec& spec, const PaneClock& clock, Instant window_from) {
  WindowRange out;
  const Instant from = window_from - spec.gap - spec.span;
  out.first = clock.index(from);
  if (clock.start(out.first) < from) ++out.first;
  out.end = clock.index(window_from - spec.gap);
  out.from = clock.start(out.first);
  out.to = clock.start(out.end);
  return out;
}

void MetricEngine::State::each_cut(Leaf& leaf, Leaf::Part& part, Series& series, Instant until, Instant watermark,
                                   TrailingCuts& into, bool is_final) {
  Ring& ring = *leaf.ring;
  const TrailingSpec& spec = part.spec.trailing;
  const Family& family = *ring.slots()[part.slot].family;
  if (series.first_row == far_future) return;
  const bool by_rows = leaf.kind == Leaf::Kind::rows;
  const PaneClock& clock = ring.clock();
  for (;;) {
    Instant at = into.next;
    std::unique_ptr<FamilyState> past;
    if (by_rows) {
      if (!series.rows || series.rows->size() == 0) return;
      const Batch& rows = series.rows->rows();
      const std::vector<std::size_t>& needed = ring.slots()[part.slot].needed;
      if (spec.rows == 0) at = std::max(at, series.first_row + spec.gap + spec.span);
      std::size_t row = usable_row(rows, at, spec.rows, needed);
      Ring::RowsRead read;
      for (; row < rows.rows; row = usable_row(rows, rows.time(row) + nanoseconds(1), row + 1, needed)) {
        if (rows.time(row) > until) return;
        read = ring.rows_before(series, part.slot, row, spec);
        if (read.is_full) break;
      }
      if (row >= rows.rows) return;
      at = rows.time(row);
      if (is_final && watermark < at + leaf.lateness) return;
      past = std::move(read.made);
    } else {
      at = first_cut(spec, clock, series, into);
      if (at > until || (is_final && watermark < at - spec.gap + leaf.lateness)) return;
      const WindowRange range = past_range(spec, clock, at);
      past = ring.merged(series, part.slot, range.first, range.end);
      if (!past && is_final && !ring.has_panes_from(series, range.first)) {
        // Nothing came since: every try up to now would find nothing.
        const Duration stride = stride_of(spec), ahead = watermark - (at - spec.gap + leaf.lateness);
        into.next = pane_at_or_after(clock, at + stride * (ahead.ns / stride.ns + 1));
        continue;
      }
    }
    auto cut = past ? family.cut(*past, part.spec) : nullptr;
    const Instant next = at + (cut ? spec.rebin : stride_of(spec));
    into.next = by_rows ? next : pane_at_or_after(clock, next);
    if (cut) into.made.emplace_back(at, std::move(cut));
  }
}

void MetricEngine::State::read_seasons(Leaf& leaf, Leaf::Part& part, Series& series, const WindowRange& window,
                                       PastRead& out) {
  Ring& ring = *leaf.ring;
  const TrailingSpec& spec = part.spec.trailing;
  const SeasonalSlots slots(spec, ring.clock(), part.spec.zone);
  const Family& family = *ring.slots()[part.slot].family;
  const auto merged = [&](const WindowRange& of, std::uint32_t& with_rows) {
    auto all = family.make_window();
    with_rows = 0;
    for (std::uint32_t k = spec.periods; k > 0; --k) {
      const WindowRange slot = slots.earlier(of, k);
      with_rows += ring.merge_into(*all, series, part.slot, slot.first, slot.end);
    }
    return all;
  };
  out.own = merged(window, out.slots);
  out.state = out.own.get();
  const std::int64_t due = series.first_row == far_future ? -1 : slots.cut_age(window, series.first_row);
  for (std::int64_t age = due; age >= 0 && !out.own_cut; --age) {  // a slot too empty to be cut from: the next one
    std::uint32_t with_rows = out.slots;
    const auto reference = age == 0 ? nullptr : merged(slots.earlier(window, age), with_rows);
    if (with_rows >= least_seasons) out.own_cut = family.cut(reference ? *reference : *out.own, part.spec);
  }
  out.cut = out.own_cut.get();
  out.evidence = std::make_shared<const BaselineEvidence>(
      BaselineEvidence{spec.text(), slots.earlier(window, spec.periods).from, slots.earlier(window, 1).to, ""});
}

void MetricEngine::State::read_past(Leaf& leaf, Leaf::Part& part, Series& series, const WindowRange& window,
                                    bool is_next, Instant settled, PastRead& out) {
  Ring& ring = *leaf.ring;
  const TrailingSpec& spec = part.spec.trailing;
  if (spec.is_seasonal()) return read_seasons(leaf, part, series, window, out);
  const WindowRange before = past_range(spec, ring.clock(), window.from);
  const bool goes_on = series.caches.size() <= part.past_reader || before.end >= series.caches[part.past_reader].end;
  if (is_next && goes_on) {
    out.state = ring.window_state(series, part.slot, part.past_reader, before.first, before.end, true);
  } else {
    out.own = ring.merged(series, part.slot, before.first, before.end);
    out.state = out.own.get();
  }
  out.cut = cut_for(leaf, part, series, window.from, settled, out.fresh);
  out.evidence = std::make_shared<const BaselineEvidence>(BaselineEvidence{spec.text(), before.from, before.to, ""});
}

void MetricEngine::State::advance_cuts(StreamState& stream) {
  const Instant watermark =
      stream.joined ? stream.joined->settled_watermark(*stream.spec.join) : stream.watermark.value();
  if (watermark == far_past) return;
  for (Leaf* const leaf : stream.trailing)
    for (Leaf::Part& part : leaf->parts) {
      // Most batches end before the next cut of any label set.
      if (watermark < part.cuts_due && part.cuts_seen == leaf->ring->series_generation()) continue;
      part.cuts_seen = leaf->ring->series_generation();
      part.cuts_due = far_future;
      for (auto& [labels, series] : leaf->ring->series()) {
        if (series->cuts.size() <= part.recorder) series->cuts.resize(part.recorder + 1);
        TrailingCuts& cuts = series->cuts[part.recorder];
        each_cut(*leaf, part, *series, far_future, watermark, cuts, true);
        // What the oldest window that can still be read was cut by stays.
        Instant needed = watermark - leaf->ring->keep_span();
        if (leaf->kind == Leaf::Kind::rows)
          needed = series->rows && series->rows->size() > 0 ? series->rows->rows().time(0) : far_past;
        std::size_t over = 0;
        while (over + 1 < cuts.made.size() && cuts.made[over + 1].first <= needed) ++over;
        cuts.made.erase(cuts.made.begin(), cuts.made.begin() + static_cast<std::ptrdiff_t>(over));
        if (leaf->kind == Leaf::Kind::rows)
          part.cuts_due = std::min(part.cuts_due, cuts.next == far_past ? far_past : cuts.next + leaf->lateness);
        else if (series->first_row != far_future)
          part.cuts_due = std::min(part.cuts_due, first_cut(part.spec.trailing, leaf->ring->clock(), *series, cuts) -
                                                      part.spec.trailing.gap + leaf->lateness);
        else
          part.cuts_due = far_past;
      }
    }
}

const FamilyState* MetricEngine::State::cut_for(Leaf& leaf, Leaf::Part& part, Series& series, Instant window_from,
                                                Instant watermark, TrailingCuts& fresh) {
  const TrailingCuts* kept = part.recorder < series.cuts.size() ? &series.cuts[part.recorder] : nullptr;
  const FamilyState* found = kept ? kept->at(window_from) : nullptr;
  if (kept) fresh.next = kept->next;
  each_cut(leaf, part, series, window_from, watermark, fresh, false);
  const FamilyState* const newer = fresh.at(window_from);
  return newer ? newer : found;
}

}  // namespace tidewatch
