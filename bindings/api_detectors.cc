// What walks along a handle's values: detectors, which score each new value by those before it, and trends, which draw
// a line through them. Numbers out of range are found by the engine when the pack is checked, with the line's place.
#include "bindings/declarations.h"
#include "metrics/windows/window_span.h"

namespace tidewatch {

namespace {

const char* const no_handle = "write it with a colon, as in api:count({ over = \"5m\" }):";

// The handle before the colon; nullptr when poisoned, and then what follows is too.
const HandleObject* handle_of(Call& call) {
  const HandleObject* handle = Object<HandleObject>::at(call, 1);
  if (!handle) throw Misuse(no_handle + call.entry->name + " { ... }");
  return handle;
}

int push_made(Call& call, HandleSpec spec, bool is_good, const Place& place) {
  HandleObject made;
  if (is_good) made.id = static_cast<int>(add_handle(call.pack, std::move(spec), place));
  Object<HandleObject>::push(call, made);
  return 1;
}

// The mean and standard deviation of the metric's column over a baseline's rows, as two more inputs.
bool add_reference(Call& call, Fields& fields, HandleSpec& spec, const Place& place) {
  if (!fields.push("against")) return true;
  const Declarer* const baseline = baseline_at(call, lua_gettop(call.state));
  lua_pop(call.state, 1);
  if (!baseline) {
    fields.wrong("against", "baseline \"name\"");
    return false;
  }
  const HandleSpec of = call.pack.spec.handles[spec.inputs[0]];
  const std::string& metric = of.metric.metric;
  if (of.op != HandleSpec::Op::metric || (metric != "mean" && metric != "last") || of.metric.columns.size() != 1) {
    fields.wrong_text("against",
                      "a baseline is for mean(column) and last(column), whose spread its rows tell; without it the "
                      "first 100 values are the reference");
    return false;
  }
  call.pack.baseline_uses.emplace_back(baseline->name, fields.place());
  for (const char* name : {"mean", "standard_deviation"}) {
    HandleSpec reference = of;
    reference.metric.metric = name;
    reference.metric.against = baseline->name;
    reference.metric.at_baseline = true;
    reference.metric.min_n = 0;
    spec.inputs.push_back(add_handle(call.pack, std::move(reference), place));
  }
  return true;
}

template <DetectorSpec::Kind kind>
int detector(Call& call) {
  const HandleObject* handle = handle_of(call);
  const Place place = call.place();
  Fields fields(call, 2, *call.entry, place, "handle:" + call.entry->name);
  HandleSpec spec;
  spec.op = HandleSpec::Op::detector;
  DetectorSpec& d = spec.detector;
  d.kind = kind;
  const Entry& entry = *call.entry;
  const auto number = [&](const char* name, double& into) {
    if (entry.find_field(name)) into = fields.number(name).value_or(into);
  };
  const auto whole = [&](const char* name, std::uint32_t& into, std::uint32_t least, std::uint32_t most) {
    if (entry.find_field(name)) into = static_cast<std::uint32_t>(fields.whole(name, least, most).value_or(into));
  };
  number("decay", d.decay);
  number("k", d.slack);
  number("h", d.height);
  if (entry.find_field("delta")) d.delta = fields.number("delta");
  number("limit", d.limit);
  number("forget", d.forget);
  number("alpha", d.alpha);
  whole("warm", d.warm, 2, 1'000'000);
  whole("periods", d.periods, 4, 100);
  whole("size", d.size, 10, 10'000);
  whole("recent", d.recent, 5, 5'000);
  if (entry.find_field("over")) d.over = fields.duration("over").value_or(d.over);
  if (entry.find_field("period")) d.period = fields.duration("period").value_or(d.period);
  if (entry.find_field("zone")) d.zone = fields.text("zone").value_or("");
  if (handle->id < 0) return push_made(call, {}, false, place);
  spec.inputs = {static_cast<HandleId>(handle->id)};
  bool is_good = fields.is_good();
  if (kind == DetectorSpec::Kind::cusum) is_good = add_reference(call, fields, spec, place) && is_good;
  return push_made(call, std::move(spec), is_good, place);
}

int forecast(Call& call) {
  const HandleObject* handle = handle_of(call);
  const Place place = call.place();
  Fields fields(call, 2, *call.entry, place, "handle:forecast");
  HandleSpec spec;
  spec.op = HandleSpec::Op::forecast;
  spec.span = fields.duration("over").value_or(Duration{});
  spec.ahead = fields.duration("ahead").value_or(Duration{});
  spec.inputs = {static_cast<HandleId>(std::max(handle->id, 0))};
  return push_made(call, std::move(spec), handle->id >= 0 && fields.is_good(), place);
}

int time_to(Call& call) {
  const HandleObject* handle = handle_of(call);
  const Place place = call.place();
  const auto limit = call.need_number(2, 1);
  Fields fields(call, 3, *call.entry, place, "handle:time_to");
  HandleSpec spec;
  spec.op = HandleSpec::Op::time_to;
  spec.limit = limit.value_or(0);
  spec.span = fields.duration("over").value_or(Duration{});
  spec.inputs = {static_cast<HandleId>(std::max(handle->id, 0))};
  return push_made(call, std::move(spec), handle->id >= 0 && limit && fields.is_good(), place);
}

// Of the first metric below the handle that has a window of time, as detectors are paced.
std::optional<Duration> step_of(const PackSpec& pack, HandleId id) {
  const HandleSpec& handle = pack.handles[id];
  for (const HandleId input : handle.inputs)
    if (const auto step = step_of(pack, input)) return step;
  if (handle.op != HandleSpec::Op::metric) return std::nullopt;
  const WindowSpec& window = handle.metric.window;
  switch (window.kind) {
    case WindowSpec::Kind::sliding:
      return handle.metric.step.ns > 0 ? handle.metric.step : default_step(window.over);
    case WindowSpec::Kind::business_days:
      return days(1);
    case WindowSpec::Kind::calendar: {
      const std::int64_t lengths[] = {1, 7, 30, 91, 365};
      return days(lengths[static_cast<int>(window.unit)]);
    }
    default:
      return std::nullopt;
  }
}

int step_seconds(Call& call) {
  const HandleObject* handle = handle_of(call);
  const auto step = handle->id < 0 ? seconds(1) : step_of(call.pack.spec, static_cast<HandleId>(handle->id));
  if (!step) return 0;
  push_number(call.state, step->seconds());
  return 1;
}

Entry method(std::string name, std::vector<Param> params, std::string text, std::string example,
             int (*function)(Call&)) {
  return Entry{std::move(name), "method",  "handle",        std::move(params),    "handle",
               at_load(),       "declare", std::move(text), {std::move(example)}, function,
               nullptr};
}

}  // namespace

std::vector<Entry> detector_entries() {
  using Kind = DetectorSpec::Kind;
  const auto counted =
      need("over", "duration", "How long a change counts, in event time: the value is how many there were.");
  return {
      method("ewma",
             {may("decay", "number", "0.002", "Weight of the newest value, between 0 and 1.", {"alpha"}),
              may("warm", "whole number", "150", "Values learnt before the first score.")},
             "How many standard deviations each new value is from the exponentially weighted mean of those before it, "
             "signed. One value a pane end, or a row of a \"N rows\" window; `insufficient` while it warms up.",
             "local odd = api:count({ over = \"5m\" }):ewma { decay = 0.01 }", detector<Kind::ewma>),
      method(
          "mad", {need("over", "duration", "The values before it that it is compared with.")},
          "(value - median) / (1.4826 * median absolute deviation) of the values in the span before it: a score that "
          "a few outliers do not move.",
          "local odd = api:p95(\"latency_ms\", { over = \"5m\" }):mad { over = \"6h\" }", detector<Kind::mad>),
      method("seasonal",
             {may("period", "duration", "1 week", "How far apart the slots are."),
              may("periods", "whole number", "8", "How many of them are looked at, from 4 to 100."),
              may("zone", "text", "", "Slots are at the same local time there; else the zone of the handle's window.")},
             "The score of `mad` against the values at the same time of earlier periods; from 4 of them on.",
             "local odd = api:count({ over = \"1h\", step = \"30m\" }):seasonal { period = \"1 day\", periods = 14 }",
             detector<Kind::seasonal>),
      method(
          "cusum",
          {may("k", "number", "0.5", "Slack, in standard deviations: half the shift to be found."),
           may("h", "number", "5", "Above this the sums start over with the next value."),
           may("against", "baseline", "",
               "Mean and standard deviation of the column's rows there, for mean and last; else of the first 100 "
               "values.")},
          "The larger of two sums of how far values are above, or below, the reference: small shifts that stay add up.",
          "local shifted = api:mean(\"latency_ms\", { over = \"5m\" }):cusum { k = 0.5, h = 5 }",
          detector<Kind::cusum>),
      method(
          "page_hinkley",
          {counted, may("delta", "number", "0.005", "Rises of the mean up to this are tolerated."),
           may("limit", "number", "50", "A change is found when what exceeds it adds up to this."),
           may("forget", "number", "0.9999", "How much of the sum stays from value to value."),
           may("warm", "whole number", "30", "Values learnt before it may find one.")},
          "How many rises of the mean were found within `over` (Page and Hinkley's test); use above(0).",
          "local rises_found = api:p95(\"latency_ms\", { over = \"5m\" }):page_hinkley { over = \"1h\", limit = 100 }",
          detector<Kind::page_hinkley>),
      method("adwin", {counted, may("delta", "number", "0.002", "The chance of a false change, between 0 and 1.")},
             "How many changes of the mean were found within `over` (adaptive windowing); use above(0).",
             "local changes = api:mean(\"latency_ms\", { over = \"5m\" }):adwin { over = \"1h\" }",
             detector<Kind::adwin>),
      method(
          "kswin",
          {counted, may("alpha", "number", "0.0001", "The chance of a false change, for each value."),
           may("size", "whole number", "200", "Values that are looked at."),
           may("recent", "whole number", "100", "The newest of them, compared with all older ones.")},
          "How many changes of distribution were found within `over` (a Kolmogorov-Smirnov test of the newest values "
          "against the older ones); use above(0).",
          "local changes = api:mean(\"latency_ms\", { over = \"5m\" }):kswin { over = \"1h\" }", detector<Kind::kswin>),
      method("forecast",
             {need("over", "duration", "The values at pane ends the line is drawn through."),
              need("ahead", "duration", "How far from the newest window's end.")},
             "Where a line by least squares through the recent values will be.",
             "local soon = api:mean(\"latency_ms\", { over = \"5m\" }):forecast { over = \"1h\", ahead = \"4h\" }",
             forecast),
      method("time_to",
             {argument("limit", "number", "What the line is to meet."),
              need("over", "duration", "The values at pane ends the line is drawn through.")},
             "Seconds until a line by least squares through the recent values meets the limit; `undefined` when it is "
             "flat or leads away from it, so watch the limit itself too.",
             "local left = api:max(\"latency_ms\", { over = \"5m\" }):time_to(250, { over = \"1h\" })", time_to),
      {"step_seconds",
       "method",
       "handle",
       {},
       "number",
       at_load(),
       "pure",
       "How far apart its values come, in seconds: the width of a pane. Nil where they come with rows.",
       {"local apart = api:count({ over = \"5m\" }):step_seconds()"},
       step_seconds,
       nullptr},
  };
}

}  // namespace tidewatch
