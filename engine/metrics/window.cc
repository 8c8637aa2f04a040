// Merging panes into windows: see window.h. Landing rows in them is in window_land.cc.
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
  if (!slot.is_sequential) slot.offset = arena_.add(slot.family->state_bytes(), slot.family->states_own_nothing());
  has_sequential_ = has_sequential_ || slot.is_sequential;
  slots_.push_back(std::move(slot));
  return slots_.size() - 1;
}

void Ring::needs(Duration land, Duration keep) {
  land_ = std::max(land_, land);
  keep_ = std::max(keep_, keep);
}

Series* Ring::find(const LabelSet& labels) {
  const auto found = series_.find(labels);
  return found == series_.end() ? nullptr : found->second.get();
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

const FamilyState* Ring::pane_state(Pane& pane, std::size_t slot) {
  if (!slots_[slot].is_sequential) return &pane.states.state(slots_[slot].offset);
  OrderedPart& ordered = *pane.ordered;
  if (ordered.is_stale) {
    const Batch& rows = ordered.rows.rows();
    ordered.states.resize(slots_.size());
    std::vector<std::uint32_t> all(rows.rows);
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      if (!slots_[s].is_sequential) continue;
      ordered.states[s] = slots_[s].family->make();
      slots_[s].family->prepare(rows);
      slots_[s].family->add(*ordered.states[s], rows, all);
    }
    ordered.is_stale = false;
  }
  return ordered.states[slot].get();
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
      const Pane& pane = item.second;
      bytes += sizeof item;
      for (const Slot& slot : slots_)
        if (!slot.is_sequential) bytes += pane.states.state(slot.offset).memory_bytes();
      if (!pane.ordered) continue;
      bytes += sizeof(OrderedPart) + pane.ordered->rows.memory_bytes();
      for (const auto& state : pane.ordered->states)
        if (state) bytes += state->memory_bytes();
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
