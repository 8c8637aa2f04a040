// Landing rows in panes: see window.h. A batch is landed in three passes: each row finds its pane, new panes get their
// empty states, then each family adds all rows at once, so that a family is called once a batch and the waits for
// memory of different label sets overlap.
#include <algorithm>

#include "metrics/windows/window.h"

namespace tidewatch {

Series& Ring::make_series(LabelSet labels, std::uint32_t label_id) {
  auto& place = series_[labels];
  if (!place) {
    ++series_generation_;
    place = std::make_unique<Series>();
    place->labels = std::move(labels);
    place->label_id = label_id;
    if (keeps_rows_) place->rows = std::make_unique<RowStore>(key_column_);
    if (label_id != UINT32_MAX) labels_->keep(label_id);
  }
  return *place;
}

Series& Ring::series_for(std::uint32_t label_id) {
  if (!labels_) return *only_;
  if (label_id < by_label_.size() && by_label_[label_id]) return *by_label_[label_id];
  if (series_.size() >= most_series_) {
    if (!other_) {
      std::vector<std::pair<std::string, std::string>> pairs;
      for (const std::string& name : labels_->names()) pairs.emplace_back(name, "(other)");
      other_ = &make_series(LabelSet(std::move(pairs)), UINT32_MAX);
    }
    ++overflowed_;
    return *other_;
  }
  if (label_id >= by_label_.size()) by_label_.resize(label_id + 64);
  by_label_[label_id] = &make_series(labels_->labels(label_id), label_id);
  return *by_label_[label_id];
}

Instant Ring::oldest_landable(Instant watermark) const {
  if (watermark == far_past) return far_past;
  if (keeps_rows_) return watermark - land_ + nanoseconds(1);
  return clock_.start(clock_.index(watermark - land_) + 1);
}

void Ring::land(const Batch& batch, std::span<const std::uint32_t> rows, const std::vector<std::uint32_t>& label_ids,
                Instant watermark) {
  if (rows.empty()) return;
  ++landed_version_;
  if (keeps_rows_) {
    land_in_rows(batch, rows, label_ids, watermark);
    return note_first_rows(batch, rows, label_ids);
  }
  oldest_kept_ = watermark == far_past ? INT64_MIN : clock_.index(watermark - keep_) - 1;
  for (const Slot& slot : slots_)
    if (!slot.is_sequential) slot.family->prepare_rows(batch, rows);
  if (labels_)
    land_in_panes(batch, rows, label_ids);
  else
    land_in_one_series(batch, rows);
  note_first_rows(batch, rows, label_ids);
}

void Ring::note_first_rows(const Batch& batch, std::span<const std::uint32_t> rows,
                           const std::vector<std::uint32_t>& label_ids) {
  if (!has_past_) return;
  for (const std::uint32_t row : rows) {
    Series* series = labels_ ? other_ : only_;
    if (labels_ && label_ids[row] < by_label_.size() && by_label_[label_ids[row]]) series = by_label_[label_ids[row]];
    if (!series || batch.time(row) >= series->first_row) continue;
    series->first_row = batch.time(row);
    ++series->version;  // windows read before may have a past in full now, or no longer
  }
}

void Ring::land_in_rows(const Batch& batch, std::span<const std::uint32_t> rows,
                        const std::vector<std::uint32_t>& label_ids, Instant watermark) {
  touched_.clear();
  for (const std::uint32_t row : rows) {
    Series& series = labels_ ? series_for(label_ids[row]) : *only_;
    if (series.pending.empty()) touched_.push_back(&series);
    series.pending.push_back(row);
  }
  for (Series* series : touched_) {
    land_rows(*series, batch, watermark);
    series->pending.clear();
  }
}

Pane& Ring::pane_for(Series& series, std::int64_t index) {
  bool is_new = false;
  Pane* pane = &series.panes.at(index, &is_new);
  if (!is_new) return *pane;
  if (series.panes.begin()->first < oldest_kept_ && index >= oldest_kept_) {
    series.panes.drop_before(oldest_kept_);
    pane = &series.panes.at(index);
  }
  pane->states = PaneBlock(arena_, arena_.take());
  fresh_.push_back(pane->states.get());
  if (has_sequential_) pane->ordered = std::make_unique<OrderedPart>(key_column_);
  return *pane;
}

void Ring::make_fresh_states() {
  if (fresh_.empty()) return;
  for (const Slot& slot : slots_)
    if (!slot.is_sequential) slot.family->make_each(fresh_, slot.offset);
  fresh_.clear();
}

// A row came to a pane that was read before.
void Ring::landed_late(Series& series, std::int64_t index) {
  ++series.version;
  ++closed_version_;
  forget_merges(series, index);
}

void Ring::forget_merges(Series& series, std::int64_t index) {
  for (WindowCache& cache : series.caches)
    if (index < cache.end) cache.is_valid = false;
}

void Ring::land_in_panes(const Batch& batch, std::span<const std::uint32_t> rows,
                         const std::vector<std::uint32_t>& label_ids) {
  // A piece at a time, so that the panes of a piece are still in the processor's cache when the last family adds to
  // them; a batch of history has thousands of rows.
  constexpr std::size_t piece = 256;
  for (std::size_t i = 0; i < rows.size(); i += piece)
    land_piece(batch, rows.subspan(i, std::min(piece, rows.size() - i)), label_ids);
}

void Ring::land_piece(const Batch& batch, std::span<const std::uint32_t> rows,
                      const std::vector<std::uint32_t>& label_ids) {
  const std::vector<std::int64_t>& times = batch.columns[batch.time_column].integers;
  blocks_.clear();
  // The series' own memory is asked for now, their panes' four rows ahead, the states of a pane when it is found.
  constexpr std::size_t ahead = 4, line = 64;
  touched_.clear();
  for (const std::uint32_t row : rows) {
    touched_.push_back(&series_for(label_ids[row]));
    __builtin_prefetch(touched_.back());
  }
  std::int64_t index = 0, from = 1, to = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + ahead < rows.size()) touched_[i + ahead]->panes.prefetch();
    const std::uint32_t row = rows[i];
    const std::int64_t time = times[row];
    if (time < from || time >= to) {
      index = clock_.index({time});
      from = clock_.start(index).ns;
      to = clock_.start(index + 1).ns;
    }
    Series& series = *touched_[i];
    Pane& pane = pane_for(series, index);
    std::byte* const block = pane.states.get();
    for (std::size_t at = 0; at < arena_.block_bytes(); at += line) __builtin_prefetch(block + at, 1);
    blocks_.push_back(block);
    series.last_row = std::max(series.last_row, Instant{time});
    if (index < read_end_)
      landed_late(series, index);
    else if (index < merged_end_)
      forget_merges(series, index);
    if (!has_sequential_) continue;
    pane.ordered->rows.add(batch, row);
    pane.ordered->is_stale = true;
  }
  arena_.settle();
  make_fresh_states();
  for (const Slot& slot : slots_)
    if (!slot.is_sequential) slot.family->add_each(blocks_, slot.offset, batch, rows);
}

void Ring::land_in_one_series(const Batch& batch, std::span<const std::uint32_t> rows) {
  const std::vector<std::int64_t>& times = batch.columns[batch.time_column].integers;
  Series& series = *only_;
  for (std::size_t i = 0; i < rows.size();) {
    const std::int64_t index = clock_.index({times[rows[i]]});
    const std::int64_t from = clock_.start(index).ns, to = clock_.start(index + 1).ns;
    std::size_t j = i;
    for (; j < rows.size() && times[rows[j]] >= from && times[rows[j]] < to; ++j)
      series.last_row = std::max(series.last_row, Instant{times[rows[j]]});
    Pane& pane = pane_for(series, index);
    make_fresh_states();
    const std::span<const std::uint32_t> run = rows.subspan(i, j - i);
    for (const Slot& slot : slots_)
      if (!slot.is_sequential) slot.family->add(pane.states.state(slot.offset), batch, run);
    if (has_sequential_) {
      for (const std::uint32_t row : run) pane.ordered->rows.add(batch, row);
      pane.ordered->is_stale = true;
    }
    if (index < read_end_)
      landed_late(series, index);
    else if (index < merged_end_)
      forget_merges(series, index);
    i = j;
  }
}

std::vector<PaneRun> runs_of(const Batch& batch, std::span<const std::uint32_t> rows, const PaneClock& clock) {
  const std::vector<std::int64_t>& times = batch.columns[batch.time_column].integers;
  std::vector<PaneRun> runs;
  std::int64_t from = 1, to = 0;
  for (const std::uint32_t row : rows) {
    if (times[row] < from || times[row] >= to) {
      const std::int64_t pane = clock.index({times[row]});
      from = clock.start(pane).ns;
      to = clock.start(pane + 1).ns;
      runs.push_back({pane, 0});
    }
    ++runs.back().rows;
  }
  return runs;
}

void Ring::mark(const Batch& batch, std::span<const std::uint32_t> rows, const std::vector<PaneRun>& runs,
                const std::string& undefined) {
  has_undefined_ = has_undefined_ || !undefined.empty();
  if (keeps_rows_) {
    if (!undefined.empty() && !rows.empty()) {
      // A rows window has no panes to mark; the days of the lost rows stand in for them.
      for (const std::uint32_t row : rows)
        marks_.at(floor_to(batch.time(row), days(1)).ns / days(1).ns).undefined = undefined;
      ++mark_version_;
    }
    return;
  }
  for (const PaneRun& run : runs) {
    bool is_new = false;
    PaneMark& mark = marks_.at(run.pane, &is_new);
    if (run.pane < read_end_) {
      ++closed_version_;
      if (is_new || !undefined.empty()) ++mark_version_;
    }
    if (!undefined.empty()) mark.undefined = undefined;
    mark.rows += run.rows;
  }
}

void Ring::forget(Instant watermark) {
  if (watermark == far_past) return;
  const std::int64_t oldest = clock_.index(watermark - keep_) - 1;
  // A series that gets rows drops its old panes itself. A sweep for the others visits every series: at most once an
  // hour or a ring's length, whichever is sooner, and not more rarely than a sixteenth of a long ring.
  const std::int64_t length = clock_.index(watermark) - oldest, hour = hours(1).ns / clock_.step().ns;
  const std::int64_t stride = std::max<std::int64_t>(1, std::clamp(hour, length / 16, length));
  if (swept_ != INT64_MIN && oldest < swept_ + stride) return;
  swept_ = oldest;
  marks_.drop_before(keeps_rows_ ? clock_.index(watermark) - 40000 : oldest);
  for (auto place = series_.begin(); place != series_.end();) {
    Series& series = *place->second;
    series.panes.drop_before(oldest);
    if (keeps_rows_) trim_rows(series, watermark);
    const bool is_gone = labels_ && !keeps_rows_ && series.last_row + keep_ + hours(24) < watermark;
    if (!is_gone) {
      ++place;
      continue;
    }
    if (series.label_id != UINT32_MAX) {
      by_label_[series.label_id] = nullptr;
      labels_->let_go(series.label_id);
    }
    if (&series == other_) other_ = nullptr;
    place = series_.erase(place);
    ++series_generation_;
    ++landed_version_;
  }
  arena_.settle();
}

}  // namespace tidewatch
