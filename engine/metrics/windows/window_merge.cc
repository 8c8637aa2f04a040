// Merging panes into windows: the reading side of window.h. Nothing here changes what landed; caches only save work.
#include <algorithm>

#include "metrics/windows/window.h"

namespace tidewatch {

namespace {

// Windows that may as well be merged anew: keeping two stacks takes about two merges a pane that enters and two more
// for the answer.
constexpr std::int64_t few_panes = 6;

}  // namespace

bool Ring::had_rows(std::int64_t first, std::int64_t end) const {
  for (auto item = marks_.from(first); item != marks_.end() && item->first < end; ++item)
    if (item->second.rows > 0) return true;
  return false;
}

std::optional<std::int64_t> Ring::first_pane_with_rows(std::int64_t from) const {
  const auto* const item = marks_.from(from);
  return item == marks_.end() ? std::nullopt : std::optional(item->first);
}

const std::string* Ring::undefined_in(std::int64_t first, std::int64_t end) const {
  if (!has_undefined_) return nullptr;
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

void Ring::merge_panes(FamilyState& into, std::size_t slot, SparsePanes<Pane>::Item* item,
                       SparsePanes<Pane>::Item* past) {
  const Slot& of = slots_[slot];
  // Panes were last touched when their rows came: all are asked for before the first is waited for.
  if (!of.is_sequential) {
    constexpr std::size_t line = 64;
    for (const auto* each = item; each != past; ++each)
      for (std::size_t at = 0; at < of.bytes; at += line)
        __builtin_prefetch(each->second.states.get() + of.offset + at);
  }
  for (; item != past; ++item) of.family->merge(into, *pane_state(item->second, slot));
}

const FamilyState* Ring::window_state(Series& series, std::size_t slot, std::size_t reader, std::int64_t first,
                                      std::int64_t end, bool may_cache) {
  const Family& family = *slots_[slot].family;
  const auto begin = series.panes.from(first), past = series.panes.from(end);
  if (!may_cache || (begin != past && family.merges_at_once(*pane_state((past - 1)->second, slot)))) {
    if (may_cache && reader < series.caches.size() && series.caches[reader].is_valid)
      series.caches[reader] = WindowCache();
    if (begin == past) return nullptr;
    if (past - begin == 1) return pane_state(begin->second, slot);
    scratch_ = family.make_window();
    merge_panes(*scratch_, slot, begin, past);
    return scratch_.get();
  }
  if (series.caches.size() < readers_) series.caches.resize(readers_);
  WindowCache& cache = series.caches[reader];
  if (cache.is_valid && cache.first == first && cache.end == end) return cache.answer;
  const std::int64_t stride = end - cache.end;
  if (end - first <= 2 * std::max<std::int64_t>(stride, 0) + few_panes || (cache.is_stacked && !family.may_stack())) {
    cache.front.clear();
    cache.entered.clear();
    cache.back.reset();
    cache.merged.reset();
    if (begin != past) {
      cache.merged = family.make_window();
      merge_panes(*cache.merged, slot, begin, past);
    }
    cache.first = first;
    cache.end = end;
    cache.is_valid = cache.is_whole = true;
    return cache.answer = cache.merged.get();
  }
  if (family.slides() && !cache.is_stacked) {
    if (slide(series, slot, cache, first, end)) return cache.answer;
    if (!family.may_stack()) return window_state(series, slot, reader, first, end, true);
  }
  bool changed = false, enters_together = stride > 1 && (end - first) % stride == 0;
  const auto start_over = [&] {
    cache.front.clear();
    cache.entered.clear();
    cache.back.reset();
    cache.end = first;
    cache.is_valid = changed = true;
    cache.is_whole = enters_together = false;
  };
  if (!cache.is_valid || cache.is_whole || end < cache.end || first < cache.first || first >= cache.end) start_over();
  while (!cache.front.empty() && cache.front.back().last < first) {
    cache.front.pop_back();
    changed = true;
  }
  if (!cache.front.empty() && cache.front.back().first < first) start_over();
  if (cache.front.empty() && !cache.entered.empty() && cache.entered.front().first < first) {
    std::size_t gone = 0;
    while (gone < cache.entered.size() && cache.entered[gone].last < first) ++gone;
    if (gone < cache.entered.size() && cache.entered[gone].first < first) {
      start_over();
    } else {
      for (std::size_t i = cache.entered.size(); i-- > gone;) {
        WindowCache::Chunk& chunk = cache.entered[i];
        if (!chunk.state) {
          chunk.state = family.make_window();
          family.merge(*chunk.state, *pane_state(series.panes.from(chunk.first)->second, slot));
        }
        if (!cache.front.empty()) family.merge(*chunk.state, *cache.front.back().state);
        cache.front.push_back(std::move(chunk));
      }
      cache.entered.clear();
      cache.back.reset();
      changed = true;
    }
  }
  auto item = series.panes.from(cache.end);
  if (item != past) {
    changed = true;
    if (!cache.back) cache.back = family.make_window();
    if (enters_together && past - item > 1) {
      WindowCache::Chunk chunk{item->first, (past - 1)->first, family.make_window()};
      merge_panes(*chunk.state, slot, item, past);
      item = past;
      family.merge(*cache.back, *chunk.state);
      cache.entered.push_back(std::move(chunk));
    }
    for (; item != past; ++item) {
      family.merge(*cache.back, *pane_state(item->second, slot));
      cache.entered.push_back({item->first, item->first, nullptr});
    }
  }
  cache.first = first;
  cache.end = end;
  if (!changed) return cache.answer;
  cache.merged.reset();
  if (cache.front.empty()) {
    cache.answer = cache.back.get();
  } else if (!cache.back) {
    cache.answer = cache.front.back().state.get();
  } else {
    cache.merged = family.make_window();
    family.merge(*cache.merged, *cache.front.back().state);
    family.merge(*cache.merged, *cache.back);
    cache.answer = cache.merged.get();
  }
  return cache.answer;
}

bool Ring::merge_into(FamilyState& into, Series& series, std::size_t slot, std::int64_t first, std::int64_t end) {
  auto item = series.panes.from(first);
  const auto past = series.panes.from(end);
  if (item == past) return false;
  merge_panes(into, slot, item, past);
  return true;
}

std::unique_ptr<FamilyState> Ring::merged(Series& series, std::size_t slot, std::int64_t first, std::int64_t end) {
  if (series.panes.from(first) == series.panes.from(end)) return nullptr;
  auto out = slots_[slot].family->make_window();
  merge_into(*out, series, slot, first, end);
  return out;
}

bool Ring::is_merged_at_once(Series& series, std::size_t slot, std::int64_t first, std::int64_t end) {
  const auto past = series.panes.from(end);
  return past != series.panes.from(first) && slots_[slot].family->merges_at_once(*pane_state((past - 1)->second, slot));
}

// False, and stacked from now on, when a pane cannot be taken out.
bool Ring::slide(Series& series, std::size_t slot, WindowCache& cache, std::int64_t first, std::int64_t end) {
  const Family& family = *slots_[slot].family;
  std::size_t gone = 0;
  bool goes_on = cache.is_valid && !cache.is_whole && end >= cache.end && first >= cache.first && first < cache.end;
  for (; goes_on && gone < cache.entered.size() && cache.entered[gone].first < first; ++gone) {
    const auto item = series.panes.from(cache.entered[gone].first);
    goes_on = item != series.panes.end() && item->first == cache.entered[gone].first;  // else it was forgotten
    if (!goes_on || family.take_out(*cache.back, *pane_state(item->second, slot))) continue;
    cache.is_valid = false;
    cache.is_stacked = true;
    return false;
  }
  if (goes_on) {
    cache.entered.erase(cache.entered.begin(), cache.entered.begin() + static_cast<std::ptrdiff_t>(gone));
  } else {
    cache.entered.clear();
    cache.merged.reset();
    cache.is_whole = false;
    cache.end = first;
  }
  if (cache.entered.empty()) cache.back.reset();
  for (auto item = series.panes.from(cache.end); item != series.panes.from(end); ++item) {
    if (!cache.back) cache.back = family.make_window();
    family.merge(*cache.back, *pane_state(item->second, slot));
    cache.entered.push_back({item->first, item->first, nullptr});
  }
  cache.first = first;
  cache.end = end;
  cache.is_valid = true;
  cache.answer = cache.back.get();
  return true;
}

const FamilyState* Ring::open_window_state(Series& series, std::size_t slot, std::size_t reader, std::int64_t first,
                                           std::int64_t closed_end, std::int64_t end) {
  if (closed_end <= first || is_merged_at_once(series, slot, first, closed_end))
    return window_state(series, slot, reader, first, end, false);
  merged_end_ = std::max(merged_end_, closed_end);
  const FamilyState* const closed = window_state(series, slot, reader, first, closed_end, true);
  auto item = series.panes.from(closed_end);
  const auto past = series.panes.from(end);
  if (item == past) return closed;
  if (!closed && past - item == 1) return pane_state(item->second, slot);
  const Family& family = *slots_[slot].family;
  scratch_ = family.make_window();
  if (closed) family.merge(*scratch_, *closed);
  merge_panes(*scratch_, slot, item, past);
  return scratch_.get();
}

}  // namespace tidewatch
