// What a value is compared with when no baseline was frozen: its own past. trailing() takes the windows of the same
// length just before, seasonal() those of the same slot in earlier periods.
#pragma once

#include <span>

#include "metrics/shared_reading.h"

namespace tidewatch {

// The mean or median of the readings that are ok; n = how many those are. `insufficient` with fewer than `least` of
// them or under half; no_data with none. error = {standard, scale}: the sample standard deviation, or 1.4826 times the
// median absolute deviation; exact when that is 0. Readings are looked at in any order with the same result.
Reading expected_reading(std::span<const SharedReading> readings, std::size_t least, bool is_median, Instant now);

// (now - expected) / |expected| has been read as `r`: says what was expected and how many scales away it was.
void show_expected(Reading& r, const Reading& now, const Reading& expected);

}  // namespace tidewatch
