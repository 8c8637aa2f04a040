// A few numbers kept in place, more of them on the heap. Most panes of most label sets hold one to three rows, and a
// vector would be one allocation each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace tidewatch {

class ValueList {
 public:
  ValueList() = default;
  ValueList(const ValueList& from) { append(from.begin(), from.end()); }
  ValueList& operator=(const ValueList& from) {
    if (this == &from) return *this;
    clear();
    append(from.begin(), from.end());
    return *this;
  }

  const double* begin() const { return large_ ? large_.get() : small_; }
  const double* end() const { return begin() + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void push_back(double value) {
    if (size_ == capacity_) grow(size_ + 1);
    (large_ ? large_.get() : small_)[size_++] = value;
  }
  void append(const double* from, const double* to) {
    const auto count = static_cast<std::size_t>(to - from);
    if (size_ + count > capacity_) grow(size_ + count);
    std::copy(from, to, (large_ ? large_.get() : small_) + size_);
    size_ += static_cast<std::uint32_t>(count);
  }
  void clear() {
    large_.reset();
    size_ = 0;
    capacity_ = in_place;
  }
  std::size_t heap_bytes() const { return large_ ? capacity_ * sizeof(double) : 0; }

 private:
  static constexpr std::uint32_t in_place = 3;
  void grow(std::size_t least) {
    const std::size_t wanted = std::max<std::size_t>(least, std::size_t{capacity_} * 2);
    std::unique_ptr<double[]> wider(new double[wanted]);
    std::copy(begin(), end(), wider.get());
    large_ = std::move(wider);
    capacity_ = static_cast<std::uint32_t>(wanted);
  }
  std::unique_ptr<double[]> large_;
  std::uint32_t size_ = 0, capacity_ = in_place;
  double small_[in_place];
};

}  // namespace tidewatch
