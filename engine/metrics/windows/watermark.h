// How far event time has come. Each source has a watermark, the stream takes the least over sources that are not
// idle, and none ever goes back. Engine time is used only for idleness and to cap rows that are ahead of the clock.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace tidewatch {

class Watermark {
 public:
  Watermark(Duration disorder, Duration idle) : disorder_(disorder), idle_(idle) {}

  // Rows of `source` were accepted at `now`, the newest of them at `newest`. Wakes the source.
  void arrived(std::string_view source, Instant newest, Instant now);
  // Time alone: sources without rows for `idle` stop holding the others back; when all are idle the watermark runs on
  // from the newest row with engine time, so that windows empty.
  void tick(Instant now);
  // Nobody listened for `down`: that time says nothing about who is idle, and what was sent meanwhile is still to come.
  void paused(Duration down);

  Instant value() const { return value_; }      // far_past before the first row
  Instant newest() const { return newest_; }    // newest event time accepted
  Instant reached() const { return reached_; }  // the same, never ahead of the clock at its arrival
  Instant last_arrival() const { return last_arrival_; }

  void write(ByteWriter& out) const;
  bool read(ByteReader& in);

 private:
  struct Source {
    Instant newest = far_past, last_arrival = far_past, watermark = far_past;
    bool is_idle = false;
  };
  void settle(Instant now);

  Duration disorder_, idle_;
  std::map<std::string, Source, std::less<>> sources_;
  Instant value_ = far_past, newest_ = far_past, reached_ = far_past, last_arrival_ = far_past;
};

}  // namespace tidewatch
