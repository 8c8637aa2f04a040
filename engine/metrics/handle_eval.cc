// See handle_eval.h. Sums over readings are in window order, so a replay gives the same bits.
#include "metrics/handle_eval.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tidewatch {
namespace {

// Worst last. no_data is worse than the others: there is nothing to combine.
int badness(Status s) {
  switch (s) {
    case Status::ok:
      return 0;
    case Status::insufficient:
      return 1;
    case Status::immature:
      return 2;
    case Status::undefined:
      return 3;
    case Status::no_data:
      return 4;
  }
  return 4;
}

// Of a relative change: the squared errors of both sides add up. Nothing when a side has none.
std::shared_ptr<Chance> chance_of_change(const Reading& now, const Reading& then, double base) {
  if (!now.chance || !then.chance || !now.value || !then.value) return nullptr;
  Chance past = *then.chance;
  past.inflation = 1;  // it is that of the change as well
  const double a = standard_error_of(*now.chance, *now.value), b = standard_error_of(past, *then.value);
  if (a < 0 || b < 0) return nullptr;
  Chance out;
  out.kind = Chance::Kind::standard_error;
  out.standard_error = std::hypot(a, b) / std::abs(base);
  out.n = now.chance->n;
  out.over = now.chance->over;
  out.reads = now.chance->reads;
  out.inflation = then.chance->inflation;
  out.is_inflation_measured = then.chance->is_inflation_measured;
  return std::make_shared<Chance>(out);
}

bool is_constant(const Reading& r) { return r.n == UINT64_MAX; }

void set_undefined(Reading& r, const char* why) {
  r.value.reset();
  if (badness(r.status) < badness(Status::undefined)) {
    r.status = Status::undefined;
    r.reason = why;
  }
}

}  // namespace

Reading constant_reading(double value, Instant now) {
  Reading r;
  r.value = value;
  r.status = Status::ok;
  r.n = UINT64_MAX;  // a constant never is the least; the engine shows it as 0 on its own
  r.as_of = now;
  r.is_final = true;
  return r;
}

Reading combine(HandleSpec::Op op, const Reading& a, const Reading& b) {
  Reading r;
  const Reading& worse = badness(b.status) > badness(a.status) ? b : a;
  r.status = worse.status;
  r.reason = worse.reason;
  r.n = std::min(a.n, b.n);
  r.nulls = a.nulls + b.nulls;
  r.excluded = a.excluded + b.excluded;
  r.excluded_by = a.excluded_by;
  for (const auto& [reason, count] : b.excluded_by) {
    const auto same = std::find_if(r.excluded_by.begin(), r.excluded_by.end(),
                                   [&why = reason](const auto& e) { return e.first == why; });
    if (same == r.excluded_by.end())
      r.excluded_by.emplace_back(reason, count);
    else
      same->second += count;
  }
  r.from = is_constant(a) ? b.from : (is_constant(b) ? a.from : std::min(a.from, b.from));
  r.to = std::max(a.to, b.to);
  r.as_of = std::max(a.as_of, b.as_of);
  r.revision = a.revision + b.revision;
  r.late = a.late + b.late;
  r.is_final = a.is_final && b.is_final;
  r.baseline = a.baseline ? a.baseline : b.baseline;
  r.baseline_n = a.baseline ? a.baseline_n : b.baseline_n;
  if (!a.value || !b.value) {
    if (r.status == Status::ok) set_undefined(r, "a part has no number");
    return r;
  }
  const double x = *a.value, y = *b.value;
  double v = 0;
  using Op = HandleSpec::Op;
  switch (op) {
    case Op::add:
      v = x + y;
      break;
    case Op::subtract:
      v = x - y;
      break;
    case Op::multiply:
      v = x * y;
      break;
    case Op::divide:
    case Op::change:
    case Op::deviation:
      if (y == 0) {
        set_undefined(r, op == Op::divide ? "division by zero" : "compared with zero");
        return r;
      }
      v = op == Op::divide ? x / y : (x - y) / std::abs(y);
      if (op != Op::divide && a.chance) r.chance = chance_of_change(a, b, y);
      break;
    default:
      set_undefined(r, "not a combination of two readings");
      return r;
  }
  if (!std::isfinite(v)) {
    set_undefined(r, "the result is too large for a number");
    return r;
  }
  r.value = v;
  return r;
}

Reading negate(Reading a) {
  if (a.value) a.value = -*a.value;
  std::swap(a.low, a.high);
  if (a.low) a.low = -*a.low;
  if (a.high) a.high = -*a.high;
  return a;
}

Reading per_second(Reading a) {
  const double seconds = (a.to - a.from).seconds();
  if (!(seconds > 0)) {
    set_undefined(a, "the reading has no window to be per second of");
    return a;
  }
  for (std::optional<double>* v : {&a.value, &a.low, &a.high})
    if (*v) *v = **v / seconds;
  return a;
}

Reading over_readings(HandleSpec::Op op, std::span<const SharedReading> readings) {
  Reading r;
  r.reason = "no reading to look at";
  r.is_final = !readings.empty();
  double best = 0;
  std::uint64_t count = 0;
  for (const SharedReading& shared : readings) {
    const Reading& one = *shared;
    r.from = &shared == readings.data() ? one.from : std::min(r.from, one.from);
    r.to = std::max(r.to, one.to);
    r.as_of = std::max(r.as_of, one.as_of);
    r.revision += one.revision;
    r.late += one.late;
    r.is_final = r.is_final && one.is_final;
    if (one.status != Status::ok || !one.value) continue;
    const double v = *one.value;
    if (count == 0)
      best = v;
    else if (op == HandleSpec::Op::max_over)
      best = std::max(best, v);
    else if (op == HandleSpec::Op::min_over)
      best = std::min(best, v);
    else
      best += v;
    ++count;
  }
  r.n = count;
  if (count == 0) return r;
  const double v = op == HandleSpec::Op::mean_over ? best / static_cast<double>(count) : best;
  if (!std::isfinite(v)) {
    r.status = Status::undefined;
    r.reason = "the result is too large for a number";
    return r;
  }
  r.value = v;
  r.status = Status::ok;
  r.reason.clear();
  if (count * 2 < readings.size()) {
    r.status = Status::insufficient;
    r.reason = std::to_string(count) + " of " + std::to_string(readings.size()) + " readings are ok";
  }
  return r;
}

Reading trend_reading(const HandleSpec& handle, std::span<const SharedReading> readings) {
  Reading r = over_readings(HandleSpec::Op::mean_over, readings);  // its window, counts and status are ours
  if (!r.value) return r;
  const double level = *r.value;
  r.value.reset();
  const auto is_on_line = [](const Reading& one) { return one.status == Status::ok && one.value; };
  const auto n = static_cast<double>(r.n);
  double middle = 0;  // mean time, in seconds before the window's end
  for (const Reading& one : readings)
    if (is_on_line(one)) middle += (one.to - r.to).seconds() / n;
  double times = 0, products = 0;
  for (const Reading& one : readings) {
    if (!is_on_line(one)) continue;
    const double x = (one.to - r.to).seconds() - middle;
    times += x * x;
    products += x * (*one.value - level);
  }
  if (!(times > 0)) {
    set_undefined(r, "one point in time has no trend");
    return r;
  }
  const double slope = products / times, end = level - slope * middle;
  char text[96];
  std::snprintf(text, sizeof text, "%.6g at the end, %.6g a second", end, slope);
  r.text = text;
  double v = end + slope * handle.ahead.seconds();
  if (handle.op == HandleSpec::Op::time_to) {
    v = (handle.limit - end) / slope;
    if (slope == 0 || v < 0) {
      set_undefined(r, slope == 0 ? "the line is flat" : "the line leads away from the limit");
      return r;
    }
  }
  if (!std::isfinite(v)) {
    set_undefined(r, "the result is too large for a number");
    return r;
  }
  r.value = v;
  return r;
}

}  // namespace tidewatch
