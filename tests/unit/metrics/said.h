#pragma once

#include <string>

#include "metrics/reading.h"

namespace tidewatch {

// What a reading says, less what arrival may show: when it was read, how often it was revised.
inline std::string said(Reading r) {
  r.as_of = {};
  r.revision = 0;
  r.late = 0;
  r.is_final = false;
  ByteWriter out;
  write_reading(out, r);
  return out.take();
}

}  // namespace tidewatch
