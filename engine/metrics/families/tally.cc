// The ends of every read: counts shown, status settled, intervals and tails computed. One place, so that no family
// invents its own meaning of "insufficient".
#include "metrics/families/tally.h"

#include <algorithm>

#include "base/text.h"
#include "metrics/metric_engine.h"

namespace tidewatch {

void Tally::show(Reading& out, std::string_view other_reason) const {
  out.n = n;
  out.nulls = nulls;
  out.excluded = nan + inf + other;
  out.excluded_by.clear();
  if (nan) out.excluded_by.emplace_back("nan", nan);
  if (inf) out.excluded_by.emplace_back("inf", inf);
  if (other) out.excluded_by.emplace_back(std::string(other_reason), other);
}

void settle(Reading& out, const MetricSpec& spec, std::optional<double> value, std::string_view why) {
  std::uint64_t least = spec.min_n;
  if (least == 0) {
    const MetricInfo* info = find_metric(spec.metric);
    least = info ? info->default_min_n : 1;
  }
  if (value && !std::isfinite(*value)) {
    value.reset();
    if (why.empty()) why = "the result is beyond the largest number";
  }
  // Not as a whole: a copy of what was just written in halves waits for both.
  if (value)
    out.value = *value;
  else
    out.value.reset();
  if (out.n < least) {
    out.status = Status::insufficient;
    out.reason =
        with_thousands(out.n) + (out.n == 1 ? " row" : " rows") + ", at least " + with_thousands(least) + " needed";
  } else if (!value) {
    out.status = Status::undefined;
    out.reason = std::string(why);
  } else {
    out.status = Status::ok;
    out.reason.clear();
  }
}

bool has_reference(Reading& out, const MetricSpec& spec, bool is_sealed, std::uint64_t rows, bool came_before) {
  out.baseline_n = rows;
  const bool is_there = is_sealed && rows > 0;
  if (is_there && !came_before) return true;
  const std::string name = "baseline \"" + spec.against + "\"";
  out.value.reset();
  out.status = is_there ? Status::undefined : Status::insufficient;
  out.reason = is_there ? "rows of the window came before " + name + " was given" : name + " has no rows";
  return false;
}

void doubt_small_reference(Reading& out, const MetricSpec& spec, std::uint64_t rows) {
  constexpr std::uint64_t least_reference = 20;
  if (rows >= least_reference) return;
  out.status = Status::insufficient;
  out.reason = "baseline \"" + spec.against + "\" has " + std::to_string(rows) + " rows, at least " +
               std::to_string(least_reference) + " needed";
}

void set_wilson(Reading& out, std::uint64_t hits, std::uint64_t n) {
  if (n == 0) return;
  if (out.chance) {
    out.chance->kind = Chance::Kind::share;
    out.chance->n = n;
  }
  constexpr double z = 1.959963984540054, zz = z * z;
  const double count = static_cast<double>(n), share = static_cast<double>(hits) / count;
  const double middle = (share + zz / (2 * count)) / (1 + zz / count);
  const double half = z / (1 + zz / count) * std::sqrt(share * (1 - share) / count + zz / (4 * count * count));
  out.low = hits == 0 ? 0.0 : std::max(0.0, middle - half);
  out.high = hits == n ? 1.0 : std::min(1.0, middle + half);
}

void set_error(Reading& out, double standard_error) {
  if (!out.chance || !(standard_error >= 0) || !std::isfinite(standard_error)) return;
  out.chance->kind = Chance::Kind::standard_error;
  out.chance->n = out.n;
  out.chance->standard_error = standard_error;
}

double chi_square_tail(double x, unsigned degrees) {
  if (degrees == 0) return 1.0;
  if (!(x > 0)) return 1.0;
  const double half = x / 2;
  // Q(a + 1, h) = Q(a, h) + h^a e^-h / Γ(a + 1); all terms are positive, so nothing cancels.
  double tail = 0, term = 0;
  if (degrees % 2 == 0) {
    term = std::exp(-half);
    for (unsigned k = 0; k < degrees / 2; ++k) {
      tail += term;
      term *= half / (k + 1);
    }
  } else {
    tail = std::erfc(std::sqrt(half));
    term = std::exp(-half) * std::sqrt(half) * 1.1283791670955126;  // h^(1/2) e^-h / Γ(3/2)
    for (unsigned k = 0; k < degrees / 2; ++k) {
      tail += term;
      term *= half / (k + 1.5);
    }
  }
  return std::min(1.0, tail);
}

}  // namespace tidewatch
