// A Reading as checkpoint bytes: an alert keeps the evidence it stands on over a restart.
#pragma once

#include "base/bytes.h"
#include "metrics/reading.h"

namespace tidewatch {

void write_reading(const Reading& reading, ByteWriter& out);
// Whatever the bytes are, the result is a valid Reading; `in` turns bad when they were not one.
Reading read_reading(ByteReader& in);

}  // namespace tidewatch
