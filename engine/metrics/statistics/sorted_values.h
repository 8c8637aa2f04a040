// Values of rows that are kept, in order when somebody wants them so. Rows are added at the end; a merge puts another's
// values in their places and take_out removes them again, both in one pass over memory, because a window that slides
// over 100,000 rows would else be sorted anew at each read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace tidewatch {

class SortedValues {
 public:
  void add(double value) { values_.push_back(value); }
  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  std::size_t heap_bytes() const { return values_.capacity() * sizeof(double); }
  void clear() {
    values_ = std::vector<double>();  // `= {}` would keep the memory
    sorted_ = 0;
  }
  void assign(std::vector<double> values) {
    values_ = std::move(values);
    sorted_ = static_cast<std::size_t>(std::is_sorted_until(values_.begin(), values_.end()) - values_.begin());
  }
  const std::vector<double>& in_any_order() const { return values_; }
  // Ascending; `scratch` holds them when rows were added since they last were. Borrowed from both.
  const std::vector<double>& in_order(std::vector<double>& scratch) const {
    if (sorted_ == values_.size()) return values_;
    scratch = values_;
    put_in_order(scratch, sorted_);
    return scratch;
  }

  void merge(const SortedValues& from) {
    put_in_order(values_, sorted_);
    std::vector<double> scratch;
    const std::vector<double>& added = from.in_order(scratch);
    const std::size_t before = values_.size();
    if (added.size() * 8 > before) {
      values_.insert(values_.end(), added.begin(), added.end());
      std::inplace_merge(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(before), values_.end());
    } else {
      // Few among many: whole blocks move up, the last first.
      values_.resize(before + added.size());
      auto end = values_.begin() + static_cast<std::ptrdiff_t>(before);
      for (std::size_t i = added.size(); i-- > 0;) {
        const auto place = std::upper_bound(values_.begin(), end, added[i]);
        std::move_backward(place, end, end + static_cast<std::ptrdiff_t>(i) + 1);
        *(place + static_cast<std::ptrdiff_t>(i)) = added[i];
        end = place;
      }
    }
    sorted_ = values_.size();
  }
  // One of it; false when there is none.
  bool remove(double value) {
    put_in_order(values_, sorted_);
    sorted_ = values_.size();
    const auto place = std::lower_bound(values_.begin(), values_.end(), value);
    if (place == values_.end() || *place != value) return false;
    values_.erase(place);
    sorted_ = values_.size();
    return true;
  }
  // False when one is not there; what is left is then of no use.
  bool take_out(const SortedValues& from) {
    put_in_order(values_, sorted_);
    sorted_ = values_.size();
    std::vector<double> scratch;
    auto read = values_.begin(), write = values_.begin();
    for (const double value : from.in_order(scratch)) {
      const auto place = std::lower_bound(read, values_.end(), value);
      if (place == values_.end() || *place != value) return false;
      write = write == read ? place : std::move(read, place, write);
      read = place + 1;
    }
    if (write != read) values_.erase(std::move(read, values_.end(), write), values_.end());
    sorted_ = values_.size();
    return true;
  }

 private:
  static void put_in_order(std::vector<double>& values, std::size_t sorted) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(sorted);
    if (middle == values.end()) return;
    std::sort(middle, values.end());
    if (values.end() - middle == 1 && sorted > 0) {  // a window that moves on by a row
      std::rotate(std::upper_bound(values.begin(), middle, *middle), middle, values.end());
      return;
    }
    std::inplace_merge(values.begin(), middle, values.end());
  }

  std::vector<double> values_;
  std::size_t sorted_ = 0;  // so many at the front are in order
};

}  // namespace tidewatch
