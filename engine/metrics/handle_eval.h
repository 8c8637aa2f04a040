// Arithmetic on readings: what `errors / total`, `:change "1 week"` or `:max_over "1h"` do once their inputs are read.
// Pure functions; a combination has the worst status of its parts, the least n, and the sum of nulls and excluded.
#pragma once

#include <span>

#include "metrics/handle.h"
#include "metrics/shared_reading.h"

namespace tidewatch {

Reading constant_reading(double value, Instant now);

// add, subtract, multiply, divide, change ((a - b) / |b|, b being then) and deviation ((a - b) / |b|). Division by zero
// and results that are not finite are undefined. The window spans both; final when both are.
Reading combine(HandleSpec::Op op, const Reading& a, const Reading& b);
Reading negate(Reading a);
// Per second of the window; undefined when the reading has no window.
Reading per_second(Reading a);
// max_over, min_over, mean_over: n = those with status ok; insufficient under half of them; no_data when none is ok.
Reading over_readings(HandleSpec::Op op, std::span<const SharedReading> readings);
// forecast, time_to: a line by least squares through the values that are ok, at the ends of their windows. The forecast
// is the line `ahead` of the newest window's end; time_to the seconds from there until it meets `limit`, undefined when
// it leads away from it. n = values on the line; insufficient when under half are ok; no_data with none.
Reading trend_reading(const HandleSpec& handle, std::span<const SharedReading> readings);

}  // namespace tidewatch
