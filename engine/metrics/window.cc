// Landing rows in panes and merging panes into windows: see window.h. Rows of a batch are first gathered by series, so
// that a family is called once for a run of rows of one pane, not once a row.
#include "metrics/window.h"

#include <algorithm>

namespace tidewatch {

Ring::Ring(std::string key, PaneClock clock, bool keeps_rows, LabelIndex* labels, std::optional<std::size_t> key_column)
    : key_(std::move(key)),
      clock_(std::move(clock)),
      keeps_rows_(keeps_rows),
      labels_(labels),
      key_column_(key_column) {
  if (!labels_) only_ = &make_series(LabelSet(), UINT32_MAX);
}

std::size_t Ring::add_slot(std::string key, std::unique_ptr<Family> family) {
  for (std::size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].key == key) return i;
  Slot slot;
  slot.key = std::move(key);
  slot.is_sequential = family->is_sequential();
  slot.needed = family->needed_columns();
  slot.family = std::move(family);
  has_sequential_ = has_sequential_ || slot.is_sequential;
  slots_.push_back(std::move(slot));
  return slots_.size() - 1;
}

void Ring::needs(Duration land, Duration keep) {
  land_ = std::max(land_, land);
  keep_ = std::max(keep_, keep);
}

Series& Ring::make_series(LabelSet labels, std::uint32_t label_id) {
  auto& place = series_[labels];
  if (!place) {
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
  if (series_.size() >= most_series) {
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

Series* Ring::find(const LabelSet& labels) {
  const auto found = series_.find(labels);
  return found == series_.end() ? nullptr : found->second.get();
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
  if (!keeps_rows_)
    for (const Slot& slot : slots_)
      if (!slot.is_sequential) slot.family->prepare(batch);
  touched_.clear();
  if (!labels_) {
    only_->pending.assign(rows.begin(), rows.end());
    touched_.push_back(only_);
  } else {
    for (const std::uint32_t row : rows) {
      Series& series = series_for(label_ids[row]);
      if (series.pending.empty()) touched_.push_back(&series);
      series.pending.push_back(row);
    }
  }
  for (Series* series : touched_) {
    if (keeps_rows_)
      land_rows(*series, batch, watermark);
    else
      land_panes(*series, batch);
    series->pending.clear();
  }
}

Pane& Ring::pane_for(Series& series, std::int64_t index) {
  bool is_new = false;
  Pane& pane = series.panes.at(index, &is_new);
  if (is_new) {
    pane.states.resize(slots_.size());
    for (std::size_t i = 0; i < slots_.size(); ++i)
      if (!slots_[i].is_sequential) pane.states[i] = slots_[i].family->make();
    if (has_sequential_) pane.rows = std::make_unique<RowStore>(key_column_);
  }
  return pane;
}

void Ring::land_panes(Series& series, const Batch& batch) {
  const std::vector<std::uint32_t>& rows = series.pending;
  const std::vector<std::int64_t>& times = batch.columns[batch.time_column].integers;
  for (std::size_t i = 0; i < rows.size();) {
    const std::int64_t index = clock_.index({times[rows[i]]});
    const std::int64_t from = clock_.start(index).ns, to = clock_.start(index + 1).ns;
    std::size_t j = i + 1;
    while (j < rows.size() && times[rows[j]] >= from && times[rows[j]] < to) ++j;
    Pane& pane = pane_for(series, index);
    const std::span<const std::uint32_t> run(rows.data() + i, j - i);
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      if (slots_[s].is_sequential) continue;
      if (run.size() == 1)
        slots_[s].family->add_row(*pane.states[s], batch, run[0]);
      else
        slots_[s].family->add(*pane.states[s], batch, run);
    }
    if (has_sequential_) {
      for (const std::uint32_t row : run) pane.rows->add(batch, row);
      pane.is_stale = true;
    }
    if (index < read_end_) {
      ++series.version;
      ++closed_version_;
      for (WindowCache& cache : series.caches)
        if (index < cache.end) cache.is_valid = false;
    }
    series.last_row = std::max(series.last_row, Instant{times[rows[j - 1]]});
    i = j;
  }
}

void Ring::mark(const Batch& batch, std::span<const std::uint32_t> rows, const std::string& undefined) {
  if (keeps_rows_) {
    if (!undefined.empty() && !rows.empty()) {
      // A rows window has no panes to mark; the days of the lost rows stand in for them.
      for (const std::uint32_t row : rows)
        marks_.at(floor_to(batch.time(row), days(1)).ns / days(1).ns).undefined = undefined;
      ++mark_version_;
    }
    return;
  }
  const std::vector<std::int64_t>& times = batch.columns[batch.time_column].integers;
  std::int64_t index = 0, from = 1, to = 0;
  PaneMark* current = nullptr;
  for (const std::uint32_t row : rows) {
    if (!current || times[row] < from || times[row] >= to) {
      index = clock_.index({times[row]});
      from = clock_.start(index).ns;
      to = clock_.start(index + 1).ns;
      bool is_new = false;
      current = &marks_.at(index, &is_new);
      if (index < read_end_) {
        ++closed_version_;
        if (is_new || !undefined.empty()) ++mark_version_;
      }
      if (!undefined.empty()) current->undefined = undefined;
    }
    ++current->rows;
  }
}

bool Ring::had_rows(std::int64_t first, std::int64_t end) const {
  for (auto item = marks_.from(first); item != marks_.end() && item->first < end; ++item)
    if (item->second.rows > 0) return true;
  return false;
}

const std::string* Ring::undefined_in(std::int64_t first, std::int64_t end) const {
  for (auto item = marks_.from(first); item != marks_.end() && item->first < end; ++item)
    if (!item->second.undefined.empty()) return &item->second.undefined;
  return nullptr;
}

void Ring::was_read(std::int64_t end, Instant as_of) {
  read_end_ = std::max(read_end_, end);
  read_as_of_ = std::max(read_as_of_, as_of);
}

void Ring::forget(Instant watermark) {
  if (watermark == far_past) return;
  const std::int64_t oldest = clock_.index(watermark - keep_) - 1;
  // A sweep visits every series: once in a sixteenth of the ring is often enough to bound memory.
  const std::int64_t stride = std::max<std::int64_t>(1, (clock_.index(watermark) - oldest) / 16);
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
    ++landed_version_;
  }
}

const FamilyState* Ring::pane_state(Pane& pane, std::size_t slot) {
  if (has_sequential_ && pane.is_stale) {
    const Batch& rows = pane.rows->rows();
    std::vector<std::uint32_t> all(rows.rows);
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      if (!slots_[s].is_sequential) continue;
      pane.states[s] = slots_[s].family->make();
      slots_[s].family->prepare(rows);
      slots_[s].family->add(*pane.states[s], rows, all);
    }
    pane.is_stale = false;
  }
  return pane.states[slot].get();
}

const FamilyState* Ring::window_state(Series& series, std::size_t slot, std::size_t reader, std::int64_t first,
                                      std::int64_t end, bool may_cache) {
  const Family& family = *slots_[slot].family;
  if (!may_cache) {
    auto item = series.panes.from(first);
    const auto past = series.panes.from(end);
    if (item == past) return nullptr;
    if (past - item == 1) return pane_state(item->second, slot);
    scratch_ = family.make();
    for (; item != past; ++item) family.merge(*scratch_, *pane_state(item->second, slot));
    return scratch_.get();
  }
  if (series.caches.size() < readers_) series.caches.resize(readers_);
  WindowCache& cache = series.caches[reader];
  bool changed = false;
  if (!cache.is_valid || end < cache.end || first < cache.first || first >= cache.end) {
    cache.front.clear();
    cache.back.reset();
    cache.middle = cache.end = first;
    cache.is_valid = changed = true;
  }
  while (!cache.front.empty() && cache.front.back().first < first) {
    cache.front.pop_back();
    changed = true;
  }
  if (cache.front.empty() && cache.back && cache.middle < first) {
    const auto leaving = series.panes.from(cache.middle);
    if (leaving != series.panes.end() && leaving->first < first) {
      auto item = series.panes.from(cache.end);
      const auto oldest = series.panes.from(first);
      while (item != oldest) {
        --item;
        auto suffix = family.make();
        family.merge(*suffix, *pane_state(item->second, slot));
        if (!cache.front.empty()) family.merge(*suffix, *cache.front.back().second);
        cache.front.emplace_back(item->first, std::move(suffix));
      }
      cache.back.reset();
      cache.middle = cache.end;
      changed = true;
    } else {
      cache.middle = first;
    }
  }
  for (auto item = series.panes.from(cache.end); item != series.panes.end() && item->first < end; ++item) {
    if (!cache.back) cache.back = family.make();
    family.merge(*cache.back, *pane_state(item->second, slot));
    changed = true;
  }
  cache.first = first;
  cache.end = end;
  if (!changed) return cache.answer;
  cache.merged.reset();
  if (cache.front.empty()) {
    cache.answer = cache.back.get();
  } else if (!cache.back) {
    cache.answer = cache.front.back().second.get();
  } else {
    cache.merged = family.make();
    family.merge(*cache.merged, *cache.front.back().second);
    family.merge(*cache.merged, *cache.back);
    cache.answer = cache.merged.get();
  }
  return cache.answer;
}

std::size_t Ring::memory_bytes() const {
  std::size_t bytes = sizeof *this + marks_.size() * sizeof(PaneMark);
  for (const auto& [labels, series] : series_) {
    bytes += sizeof(Series) + 128 + series->caches.size() * sizeof(WindowCache);
    for (const auto& item : series->panes) {
      bytes += sizeof item + item.second.states.size() * sizeof(void*);
      for (const auto& state : item.second.states)
        if (state) bytes += state->memory_bytes();
      if (item.second.rows) bytes += item.second.rows->memory_bytes();
    }
    for (const WindowCache& cache : series->caches) {
      for (const auto& suffix : cache.front) bytes += 16 + suffix.second->memory_bytes();
      if (cache.back) bytes += cache.back->memory_bytes();
      if (cache.merged) bytes += cache.merged->memory_bytes();
    }
    for (const auto& windows : series->recorded) bytes += windows.size() * sizeof(RecordedWindow);
    if (series->rows) bytes += series->rows->memory_bytes();
  }
  return bytes;
}

}  // namespace tidewatch
