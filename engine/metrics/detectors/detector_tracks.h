// What a detector handle keeps for each label set. Values at ends that are final have been learnt for good; those since
// are learnt by a copy that is thrown away when late rows revise one of them. So the answer depends on the rows alone,
// not on who read when, and a checkpoint holds the final part only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "metrics/detectors/detector.h"
#include "records/labels.h"

namespace tidewatch {

struct DetectorTrack {
  // One value that was learnt: when, and what the detector said of it.
  struct Taken {
    Instant at{};
    double value = 0;
    Detection detection;
  };
  struct Walk {
    std::unique_ptr<Detector> detector;
    Instant until = far_past;   // ends up to here have been looked at
    Instant window = far_past;  // end of the last window taken: a calendar month is taken once, not each day
    bool has_scored = false;    // it was warm once
    std::deque<Taken> taken;    // oldest first
  };
  Walk settled;             // `taken` holds the last one, and what is looked back at
  Walk since;               // goes on where `settled` is; no detector: nothing taken yet
  std::uint64_t stamp = 0;  // of the rows behind `since`

  std::size_t memory_bytes() const;
};

struct DetectorTracks {
  std::string key;        // in checkpoints
  std::size_t paced = 0;  // which of the leaves below it has the ends
  Duration keep{0};       // how far behind its newest end it is read
  Duration patience{0};   // where ends do not become final together, how long the first to get there waits
  Instant settled_until = far_past;
  std::uint64_t generation = 0;  // of the label sets that were last looked at
  std::map<LabelSet, DetectorTrack> by_labels;

  std::size_t memory_bytes() const;
};

}  // namespace tidewatch
