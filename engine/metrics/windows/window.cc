// A ring as it is set up and measured: see window.h. Rows land in window_land.cc, panes are merged in window_merge.cc.
#include "metrics/windows/window.h"

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
  slot.is_sequential = is_revisable_ || family->is_sequential();
  slot.needed = family->needed_columns();
  slot.family = std::move(family);
  slot.bytes = slot.family->state_bytes();
  if (!slot.is_sequential)
    slot.offset = arena_.add(slot.bytes, slot.family->states_own_nothing(), slot.family->state_alignment());
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

std::size_t Ring::memory_bytes() const {
  std::size_t bytes = sizeof *this + marks_.size() * sizeof(PaneMark);
  for (const auto& [labels, series] : series_) {
    bytes += sizeof(Series) + 128 + series->caches.size() * sizeof(WindowCache);
    for (const auto& item : series->panes) {
      const Pane& pane = item.second;
      bytes += sizeof item;
      bytes += arena_.block_bytes();
      for (const Slot& slot : slots_) {
        if (slot.is_sequential) continue;
        const std::size_t own = pane.states.state(slot.offset).memory_bytes(), inside = slot.bytes;
        if (own > inside) bytes += own - inside;
      }
      if (!pane.ordered) continue;
      bytes += sizeof(OrderedPart) + pane.ordered->rows.memory_bytes();
      for (const auto& state : pane.ordered->states)
        if (state) bytes += state->memory_bytes();
    }
    for (const RowsCache& cache : series->rows_caches)
      bytes += sizeof cache + (cache.state ? cache.state->memory_bytes() : 0);
    for (const WindowCache& cache : series->caches) {
      for (const auto& chunk : cache.front) bytes += sizeof chunk + chunk.state->memory_bytes();
      for (const auto& chunk : cache.entered) bytes += sizeof chunk + (chunk.state ? chunk.state->memory_bytes() : 0);
      if (cache.back) bytes += cache.back->memory_bytes();
      if (cache.merged) bytes += cache.merged->memory_bytes();
    }
    for (const auto& windows : series->recorded) bytes += windows.size() * sizeof(RecordedWindow);
    if (series->rows) bytes += series->rows->memory_bytes();
  }
  return bytes;
}

}  // namespace tidewatch
