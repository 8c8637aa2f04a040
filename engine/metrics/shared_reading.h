// A reading that is kept: the recorded window, the alert instance and the evidence of an evaluation hold the same one,
// because a reading is some three hundred bytes with texts and most evaluations find the window they found before. It
// is never changed while shared. The count is not atomic: a core belongs to one thread, and what leaves it (a
// notification, a page) is a copy.
#pragma once

#include <cstdint>
#include <utility>

#include "base/pool.h"
#include "metrics/reading.h"

namespace tidewatch {

class SharedReading {
 public:
  SharedReading() = default;                                             // the empty reading: no_data and nothing known
  SharedReading(Reading reading) : box_(new Box(std::move(reading))) {}  // NOLINT: a reading is one
  SharedReading(const SharedReading& other) : box_(other.box_) {
    if (box_) ++box_->users;
  }
  SharedReading(SharedReading&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
  SharedReading& operator=(SharedReading other) noexcept {
    std::swap(box_, other.box_);
    return *this;
  }
  ~SharedReading() {
    if (box_ && --box_->users == 0) delete box_;
  }

  const Reading& operator*() const { return box_ ? box_->reading : empty(); }
  const Reading* operator->() const { return &**this; }
  operator const Reading&() const { return **this; }  // NOLINT: read like the reading it is

  // To change it: in place when nobody else holds it, else its own copy.
  Reading& edit() {
    if (!box_)
      box_ = new Box();
    else if (box_->users > 1)
      *this = SharedReading(box_->reading);
    return box_->reading;
  }

 private:
  struct Box final : Pooled {
    Box() = default;
    explicit Box(Reading r) : reading(std::move(r)) {}
    Reading reading;
    std::uint32_t users = 1;
  };
  static const Reading& empty() {
    static const Reading none;
    return none;
  }

  Box* box_ = nullptr;
};

}  // namespace tidewatch
