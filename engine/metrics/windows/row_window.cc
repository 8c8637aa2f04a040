// "252 rows": the last N rows with nothing null, in event order, at or before the watermark. For daily data, where a
// duration would count weekends. Where rows can leave a state again, the window moves on a row at a time; else, and
// when a row comes late, its state is made from the rows: N is at most 100,000.
#include <algorithm>

#include "metrics/windows/window.h"

namespace tidewatch {
namespace {

// Rows kept for a past that is a span of time: rows windows are for daily data.
constexpr std::size_t most_by_time = 20'000;

bool has_null(const Batch& batch, std::size_t row, const std::vector<std::size_t>& columns) {
  for (const std::size_t c : columns)
    if (batch.columns[c].null[row]) return true;
  return false;
}

// Rows [0, this) are at or before `as_of`.
std::size_t rows_until(const Batch& rows, Instant as_of) {
  const auto& times = rows.columns[rows.time_column].integers;
  return static_cast<std::size_t>(std::upper_bound(times.begin(), times.end(), as_of.ns) - times.begin());
}

}  // namespace

void Ring::land_rows(Series& series, const Batch& batch, Instant watermark) {
  for (const std::uint32_t row : series.pending) {
    const Instant t = batch.time(row);
    series.rows->add(batch, row);
    for (RowsCache& cache : series.rows_caches)
      if (cache.state && t <= cache.reached && !series.rows->is_in_order()) cache.state.reset();
    series.last_row = std::max(series.last_row, t);
    if (t <= read_as_of_) ++closed_version_;
  }
  ++series.version;
  std::size_t most = 0;
  for (const Slot& slot : slots_) most = std::max<std::size_t>(most, slot.most_rows);
  if (series.rows->size() > 2 * most + 64) trim_rows(series, watermark);
}

void Ring::trim_rows(Series& series, Instant watermark) {
  if (watermark == far_past || series.rows->size() == 0) return;
  const Batch& rows = series.rows->rows();
  // Rows that may still be revised or read as of an earlier time stay, and before them N for each family.
  const std::size_t settled = rows_until(rows, watermark - keep_);
  std::size_t cut = settled, most = 0;
  for (const Slot& slot : slots_) {
    std::size_t at = settled, counted = 0;
    while (at > 0 && counted < slot.most_rows) counted += !has_null(rows, --at, slot.needed);
    cut = std::min(cut, at);
    most = std::max<std::size_t>(most, slot.most_rows);
    for (const Slot::Past& one : slot.pasts) {
      // Its window, the gap, and the rows or the time before that.
      for (at = settled, counted = 0; at > 0 && counted < one.rows;) counted += !has_null(rows, --at, slot.needed);
      if (at == rows.rows) continue;
      const Instant end = rows.time(at) - one.past.gap;
      while (at > 0 && one.past.gap.ns > 0 && rows.time(at - 1) >= end) --at;
      if (one.past.rows > 0)
        for (counted = 0; at > 0 && counted < one.past.rows;) counted += !has_null(rows, --at, slot.needed);
      else
        while (at > 0 && rows.time(at - 1) >= end - one.past.span) --at;
      cut = std::min(cut, at);
      most = std::max<std::size_t>(most, one.past.rows > 0 ? one.rows + one.past.rows : most_by_time);
    }
  }
  // A column that is always null must not keep every row for ever.
  if (settled - cut > 8 * most + 1024) cut = settled - (8 * most + 1024);
  if (cut > 0) series.rows->drop_first(cut);
}

// Rows [cache.end, until) come in and the oldest go, until `wanted` are left. False when it is not worth it, or cannot
// be done; the window is then made anew.
bool Ring::slide_rows(Series& series, std::size_t slot, RowsCache& cache, std::size_t wanted, std::size_t until) {
  const Batch& rows = series.rows->rows();
  const std::uint64_t dropped = series.rows->dropped();
  if (!cache.state || cache.first < dropped || until + dropped < cache.end) return false;
  if (until + dropped == cache.end) return true;
  std::vector<std::uint32_t> entering, leaving;
  for (std::uint64_t at = cache.end - dropped; at < until; ++at) {
    if (has_null(rows, at, slots_[slot].needed)) continue;
    if (2 * (entering.size() + 1) > wanted) return false;
    entering.push_back(static_cast<std::uint32_t>(at));
  }
  std::uint64_t first = cache.first - dropped;
  while (cache.used + entering.size() - leaving.size() > wanted) {
    leaving.push_back(static_cast<std::uint32_t>(first));
    while (has_null(rows, ++first, slots_[slot].needed)) {
    }
  }
  Family& family = *slots_[slot].family;
  if (!leaving.empty()) {
    family.prepare_rows(rows, leaving);
    if (!family.take_rows_out(*cache.state, rows, leaving)) return false;
  }
  if (!entering.empty()) {
    family.prepare_rows(rows, entering);
    family.add(*cache.state, rows, entering);
  }
  cache.used += static_cast<std::uint32_t>(entering.size()) - static_cast<std::uint32_t>(leaving.size());
  cache.first = first + dropped;
  return true;
}

Ring::RowsRead Ring::rows_state(Series& series, std::size_t slot, std::size_t reader, std::uint32_t count,
                                Instant as_of) {
  RowsRead out;
  if (series.rows->size() == 0) return out;
  const Batch& rows = series.rows->rows();
  const std::size_t until = rows_until(rows, as_of);
  if (until < rows.rows) out.next_row = rows.time(until);
  const std::size_t wanted = count + slots_[slot].family->extra_rows();
  const std::uint64_t dropped = series.rows->dropped();
  RowsCache* cache = nullptr;
  if (slots_[slot].family->slides_by_row() && until > 0) {
    if (series.rows_caches.size() < readers_) series.rows_caches.resize(readers_);
    cache = &series.rows_caches[reader];
    const bool is_older = cache->state && until + dropped < cache->end;  // looking back: the newest window stays
    if (is_older) cache = nullptr;
  }
  const auto keep = [&] {
    cache->end = until + dropped;
    cache->reached = rows.time(until - 1);
    out.state = cache->state.get();
    out.rows = cache->used;
    out.first = cache->first - dropped;
    out.from = rows.time(out.first);
    std::size_t newest = until;
    while (has_null(rows, --newest, slots_[slot].needed)) {
    }
    out.to = rows.time(newest);
  };
  if (cache && slide_rows(series, slot, *cache, wanted, until)) {
    keep();
    return out;
  }
  std::vector<std::uint32_t> used;
  for (std::size_t at = until; at > 0 && used.size() < wanted;)
    if (!has_null(rows, --at, slots_[slot].needed)) used.push_back(static_cast<std::uint32_t>(at));
  if (cache) cache->state.reset();
  if (used.empty()) return out;
  std::reverse(used.begin(), used.end());
  out.made = slots_[slot].pasts.empty() ? slots_[slot].family->make() : slots_[slot].family->make_window();
  slots_[slot].family->prepare_rows(rows, used);
  slots_[slot].family->add(*out.made, rows, used);
  if (cache) {
    cache->state = std::move(out.made);
    cache->first = used.front() + dropped;
    cache->used = static_cast<std::uint32_t>(used.size());
    keep();
    return out;
  }
  out.state = out.made.get();
  out.rows = static_cast<std::uint32_t>(used.size());
  out.from = rows.time(used.front());
  out.to = rows.time(used.back());
  out.first = used.front();
  return out;
}

Ring::RowsRead Ring::rows_before(Series& series, std::size_t slot, std::size_t row, const TrailingSpec& spec) {
  RowsRead out;
  const Batch& rows = series.rows->rows();
  const Instant end = rows.time(row) - spec.gap;
  std::vector<std::uint32_t> used;
  for (std::size_t at = row; at > 0;) {
    --at;
    if (spec.gap.ns > 0 && rows.time(at) >= end) continue;
    if (spec.rows > 0 ? used.size() >= spec.rows : rows.time(at) < end - spec.span) break;
    if (!has_null(rows, at, slots_[slot].needed)) used.push_back(static_cast<std::uint32_t>(at));
  }
  out.is_full = spec.rows > 0 ? used.size() == spec.rows : series.first_row <= end - spec.span;
  if (used.empty() || !out.is_full) return out;
  std::reverse(used.begin(), used.end());
  const Family& family = *slots_[slot].family;
  out.made = family.make_window();
  slots_[slot].family->prepare(rows);
  family.add(*out.made, rows, used);
  out.state = out.made.get();
  out.rows = static_cast<std::uint32_t>(used.size());
  out.from = rows.time(used.front());
  out.to = rows.time(used.back()) + nanoseconds(1);
  return out;
}

}  // namespace tidewatch
