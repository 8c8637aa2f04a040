// Panes by number, only those that hold something. New panes nearly always go to the end and old ones leave at the
// front, so a sorted vector with a moving head beats a tree and, unlike a fixed ring, costs nothing for empty panes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace tidewatch {

template <typename T>
class SparsePanes {
 public:
  using Item = std::pair<std::int64_t, T>;

  const Item* begin() const { return items_.data() + head_; }
  const Item* end() const { return items_.data() + items_.size(); }
  Item* begin() { return items_.data() + head_; }
  Item* end() { return items_.data() + items_.size(); }
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }

  // First item at or after `pane`.
  Item* from(std::int64_t pane) {
    if (empty() || items_.back().first < pane) return end();
    return std::lower_bound(begin(), end(), pane, [](const Item& i, std::int64_t p) { return i.first < p; });
  }
  const Item* from(std::int64_t pane) const { return const_cast<SparsePanes*>(this)->from(pane); }

  // The pane's value, made empty when new; `is_new` tells. Valid until the next at() or drop.
  T& at(std::int64_t pane, bool* is_new = nullptr) {
    if (is_new) *is_new = false;
    if (!empty() && items_.back().first == pane) return items_.back().second;
    Item* place = from(pane);
    if (place != end() && place->first == pane) return place->second;
    if (is_new) *is_new = true;
    const auto inserted = items_.emplace(items_.begin() + (place - items_.data()), pane, T{});
    return inserted->second;
  }
  void erase(std::int64_t pane) {
    Item* const place = from(pane);
    if (place != end() && place->first == pane) items_.erase(items_.begin() + (place - items_.data()));
  }
  // Asks for the newest pane's memory ahead of at().
  void prefetch() const {
    if (!empty()) __builtin_prefetch(&items_.back());
  }
  void drop_before(std::int64_t pane) {
    while (head_ < items_.size() && items_[head_].first < pane) items_[head_++].second = T{};
    if (head_ > 16 && head_ * 2 > items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }
  void clear() {
    items_.clear();
    head_ = 0;
  }

 private:
  std::vector<Item> items_;
  std::size_t head_ = 0;
};

}  // namespace tidewatch
