// Weights and thresholds after Icinga 2, "Flapping detection" (flapping value, 20 states, 30 / 25 percent). The sum is
// kept in whole fiftieths: 30 and 25 percent are then exact numbers and "above" means above.
#include "monitors/flapping.h"

#include <algorithm>

namespace tidewatch {

namespace {

constexpr std::uint32_t all_slots = (1u << Flapping::slots) - 1;

// Sum of (40 + i) fiftieths; a slot of i weighs 0.80 + 0.02 i.
int weight_in_fiftieths(std::uint32_t bits) {
  int sum = 0;
  for (int age = 0; age < Flapping::slots; ++age) {
    if (bits & (1u << age)) sum += 40 + (Flapping::slots - 1 - age);
  }
  return sum;
}

// percent = 100 x (fiftieths / 50) / 20 = fiftieths / 10
constexpr int start_fiftieths = static_cast<int>(Flapping::start_above * 10);
constexpr int end_fiftieths = static_cast<int>(Flapping::end_at * 10);

}  // namespace

Flapping::Change Flapping::update(Instant now, Duration every, bool changed) {
  const Duration length = std::max(every, minutes(1));
  // Nearly every update falls in the newest slot: two comparisons then, no division.
  const bool is_same_slot = length == length_ && now.ns >= slot_ * length.ns && now.ns < (slot_ + 1) * length.ns;
  const std::int64_t slot = is_same_slot ? slot_ : floor_to(now, length).ns / length.ns;
  if (length != length_) {
    bits_ = 0;
    slot_ = slot;
    length_ = length;
  }
  if (slot > slot_) {
    const std::int64_t moved = slot - slot_;
    bits_ = moved >= slots ? 0 : (bits_ << moved) & all_slots;
    slot_ = slot;
  }
  if (changed) bits_ |= 1u;
  if (bits_ == 0 && !is_on_) return Change::none;
  const int weight = weight_in_fiftieths(bits_);
  if (!is_on_ && weight > start_fiftieths) {
    is_on_ = true;
    return Change::started;
  }
  if (is_on_ && weight <= end_fiftieths) {
    is_on_ = false;
    return Change::ended;
  }
  return Change::none;
}

Flapping::Change Flapping::stop() {
  const bool was_on = is_on_;
  *this = Flapping{};
  return was_on ? Change::ended : Change::none;
}

double Flapping::value() const { return weight_in_fiftieths(bits_) / 10.0; }

Instant Flapping::next_deadline() const { return is_on_ ? Instant{(slot_ + 1) * length_.ns} : far_future; }

void Flapping::write(ByteWriter& out) const {
  out.put(bits_);
  out.put(slot_);
  out.put(length_.ns);
  out.put(is_on_);
}

void Flapping::read(ByteReader& in) {
  bits_ = in.get<std::uint32_t>();
  slot_ = in.get<std::int64_t>();
  length_.ns = in.nanoseconds();
  const auto on = in.get<std::uint8_t>();
  // A slot number that cannot be an instant would overflow next_deadline().
  const bool is_sane =
      bits_ <= all_slots && on <= 1 && length_.ns >= 0 &&
      (length_.ns == 0 ? slot_ == 0 : slot_ < far_future.ns / length_.ns && slot_ > far_past.ns / length_.ns);
  if (!in.good() || !is_sane) {
    in.fail();
    *this = Flapping{};
    return;
  }
  is_on_ = on == 1;
}

}  // namespace tidewatch
