// What every family counts beside its own state: rows that entered, rows with a null, rows excluded by reason. Kept
// apart so that "rows that passed where = n + nulls + excluded" holds in one place. Also the two things each number
// reader needs: which column, and whether a value can be used.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "metrics/handle.h"
#include "metrics/reading.h"
#include "records/batch.h"

namespace tidewatch {

struct Tally {
  std::uint64_t n = 0, nulls = 0, nan = 0, inf = 0, other = 0;  // other: the family's own reason (domain, overflow ...)

  void merge(const Tally& from) {
    n += from.n;
    nulls += from.nulls;
    nan += from.nan;
    inf += from.inf;
    other += from.other;
  }
  void take_out(const Tally& pane) {
    n -= pane.n;
    nulls -= pane.nulls;
    nan -= pane.nan;
    inf -= pane.inf;
    other -= pane.other;
  }
  // A row that entered as nothing but a count leaves: `null`, or an excluded one. False when it entered with its value.
  bool take_unused(bool is_null, double value) {
    if (is_null)
      --nulls;
    else if (std::isnan(value))
      --nan;
    else if (std::isinf(value))
      --inf;
    else
      return false;
    return true;
  }
  void write(ByteWriter& out) const {
    for (const std::uint64_t count : {n, nulls, nan, inf, other}) out.put(count);
  }
  void read(ByteReader& in) {
    for (std::uint64_t* count : {&n, &nulls, &nan, &inf, &other}) *count = in.get<std::uint64_t>();
  }
  void show(Reading& out, std::string_view other_reason) const;
};

// Counts a value that is NaN or infinite; true when the value can be used.
inline bool usable(double value, Tally& tally) {
  if (std::isfinite(value)) [[likely]]
    return true;
  ++(std::isnan(value) ? tally.nan : tally.inf);
  return false;
}
inline bool usable(double a, double b, Tally& tally) {
  if (std::isfinite(a) && std::isfinite(b)) [[likely]]
    return true;
  ++(std::isnan(a) || std::isnan(b) ? tally.nan : tally.inf);
  return false;
}

// Sets value, status and reason of a reading: insufficient under min_n (the metric's default when 0), undefined
// without a finite value, else ok. `why` says why there is no value.
void settle(Reading& out, const MetricSpec& spec, std::optional<double> value, std::string_view why = "");

// What every metric against a baseline says of it. Names the baseline and its rows; false when there is nothing to
// compare with: it has no rows, or `came_before` rows of the window were added before it was given.
bool has_reference(Reading& out, const MetricSpec& spec, bool is_sealed, std::uint64_t rows, bool came_before);
// Under 20 rows a baseline is shown and not believed: insufficient.
void doubt_small_reference(Reading& out, const MetricSpec& spec, std::uint64_t rows);

// Adds the 95 % Wilson interval of hits out of n, and what chance does to such a share when that is asked. Source:
// Wilson, JASA 22 (1927).
void set_wilson(Reading& out, std::uint64_t hits, std::uint64_t n);

// What chance does to a value with this standard error, when that is asked; nothing when it is negative or not finite.
void set_error(Reading& out, double standard_error);

// P(X > x) of a chi-square with whole degrees of freedom, by the finite sums for half-integer gamma functions.
double chi_square_tail(double x, unsigned degrees);

}  // namespace tidewatch
