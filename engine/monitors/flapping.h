// Whether an alert changes its level so often that each change is no news. The weights are Icinga's (newer changes
// weigh more, start and end at different values); the slots are ours: twenty spans of time instead of twenty check
// results, so that a monitor judged every second does not forget its last minute, and a sleeping one forgets at all.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/time.h"

namespace tidewatch {

class Flapping {
 public:
  enum class Change : std::uint8_t { none, started, ended };

  static constexpr int slots = 20;
  static constexpr double start_above = 30, end_at = 25;  // percent

  // A slot lasts max(every, 1 minute) and is set when the level changed in it. Moves to the slot of `now`, sets it when
  // `changed`, and says whether flapping started or ended by that. Another slot length starts with empty slots.
  Change update(Instant now, Duration every, bool changed);
  // Switched off: ends what is going on and forgets.
  Change stop();

  bool is_on() const { return is_on_; }
  // 100 x sum(0.80 + 0.02 i over the set slots, i = 0 oldest .. 19 newest) / 20, percent, as of the last update.
  double value() const;
  // The next instant at which an update without a change could end the flapping; far_future when not flapping.
  Instant next_deadline() const;

  void write(ByteWriter& out) const;
  void read(ByteReader& in);

 private:
  std::uint32_t bits_ = 0;  // bit 0 is the newest slot
  std::int64_t slot_ = 0;   // number of the newest slot since the epoch
  Duration length_{0};      // 0 before the first update
  bool is_on_ = false;
};

}  // namespace tidewatch
