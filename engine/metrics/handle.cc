// Windows and handles as text: parsed from what an author wrote, and written back the way it would be typed, for
// messages, evidence and the prompt.
#include "metrics/handle.h"

#include <charconv>

#include "base/text.h"

namespace tidewatch {
namespace {

constexpr const char* unit_names[] = {"day", "week", "month", "quarter", "year"};

std::string quoted(std::string_view s) { return '"' + std::string(s) + '"'; }

std::string list_of(const std::vector<std::string>& names) {
  if (names.size() == 1) return quoted(names[0]);
  std::string out = "{";
  for (std::size_t i = 0; i < names.size(); ++i) out += (i ? ", " : " ") + quoted(names[i]);
  return out + " }";
}

std::string describe_metric(const MetricSpec& m) {
  std::vector<std::string> options;
  if (m.window.kind != WindowSpec::Kind::none) options.push_back("over = " + quoted(m.window.text()));
  if (!m.where.empty()) options.push_back("where = " + quoted(m.where));
  if (m.predicate >= 0) options.push_back("where = function");
  if (!m.by.empty()) options.push_back("by = " + list_of(m.by));
  if (!m.side.empty()) options.push_back("by = " + quoted(m.side));
  if (m.step.ns > 0) options.push_back("step = " + quoted(format_duration(m.step)));
  if (m.lateness.ns >= 0) options.push_back("lateness = " + quoted(format_duration(m.lateness)));
  if (m.min_n > 0) options.push_back("min_n = " + std::to_string(m.min_n));
  if (m.most_series != default_most_series) options.push_back("most_series = " + std::to_string(m.most_series));
  if (m.full) options.push_back("full = true");
  if (m.read == ReadMode::open) options.push_back("read = \"open\"");
  if (!m.against.empty())
    options.push_back((m.at_baseline ? "at = baseline " : "against = baseline ") + quoted(m.against));
  if (m.trailing.is_seasonal())
    options.push_back("against = seasonal(" + quoted(format_duration(m.trailing.period)) +
                      ", { periods = " + std::to_string(m.trailing.periods) +
                      ", rebin = " + quoted(format_duration(m.trailing.rebin)) + " })");
  else if (m.trailing.is_set())
    options.push_back(
        "against = trailing(" +
        quoted(m.trailing.rows > 0 ? std::to_string(m.trailing.rows) + " rows" : format_duration(m.trailing.span)) +
        ", { gap = " + quoted(format_duration(m.trailing.gap)) +
        ", rebin = " + quoted(format_duration(m.trailing.rebin)) + " })");
  if (!m.unit.empty()) options.push_back("unit = " + quoted(m.unit));
  if (m.metric == "quantile") options.push_back("q = " + format_number(m.q));
  if (!m.bins.empty()) options.push_back("bins = " + quoted(m.bins));
  if (m.smoothing_floor) options.push_back("smoothing = \"floor\"");
  if (!m.point_masses) options.push_back("point_masses = false");
  if (m.nulls_bin) options.push_back("nulls = \"bin\"");
  if (m.reverse) options.push_back("reverse = true");
  if (m.exact) options.push_back("exact = true");
  if (m.threshold != 0.5) options.push_back("threshold = " + format_number(m.threshold));
  if (!m.positive.empty()) options.push_back("positive = " + quoted(m.positive));
  if (m.metric == "decision_cost") {
    options.push_back("false_positive = " + format_number(m.false_positive_cost));
    options.push_back("false_negative = " + format_number(m.false_negative_cost));
    if (m.per_prediction) options.push_back("per = \"prediction\"");
  }
  for (const auto& [name, text] :
       {std::pair("method", &m.method), std::pair("test", &m.test), std::pair("schedule", &m.schedule),
        std::pair("covers", &m.covers), std::pair("control", &m.control), std::pair("candidate", &m.candidate),
        std::pair("worse", &m.worse)})
    if (!text->empty()) options.push_back(std::string(name) + " = " + quoted(*text));
  if (m.least > 0) options.push_back("least = " + format_number(m.least));
  if (m.scaled) options.push_back("scaled = true");
  if (m.within.ns > 0) options.push_back("within = " + quoted(format_duration(m.within)));
  if (m.holds.ns > 0) options.push_back("holds = " + quoted(format_duration(m.holds)));
  std::string arguments;
  if (!m.expression.empty()) arguments = quoted(m.expression);
  for (std::size_t i = 0; i < m.columns.size(); ++i)
    arguments += (arguments.empty() ? "" : ", ") + quoted(m.columns[i]);
  std::string table;
  for (const std::string& option : options) table += (table.empty() ? "{ " : ", ") + option;
  if (!table.empty()) table += " }";
  const std::string name = m.stream + ":" + m.metric;
  if (arguments.empty() && !table.empty()) return name + " " + table;
  return name + "(" + arguments + (arguments.empty() || table.empty() ? "" : ", ") + table + ")";
}

}  // namespace

std::string WindowSpec::text() const {
  switch (kind) {
    case Kind::none:
      return "";
    case Kind::sliding:
      return format_duration(over);
    case Kind::rows:
      return std::to_string(count) + (count == 1 ? " row" : " rows");
    case Kind::business_days:
      return std::to_string(count) + (count == 1 ? " business day" : " business days");
    case Kind::calendar:
      return std::string("calendar ") + unit_names[static_cast<int>(unit)];
  }
  return "";
}

Result<WindowSpec> parse_window(std::string_view text) {
  const std::string got(text);
  WindowSpec window;
  constexpr std::string_view calendar = "calendar ";
  if (text.substr(0, calendar.size()) == calendar) {
    const std::string unit(text.substr(calendar.size()));
    for (int i = 0; i < 5; ++i) {
      if (unit != unit_names[i]) continue;
      window.kind = WindowSpec::Kind::calendar;
      window.unit = static_cast<WindowSpec::Unit>(i);
      return window;
    }
    const std::vector<std::string> known(std::begin(unit_names), std::end(unit_names));
    return invalid("expected \"calendar day\", week, month, quarter or year, got " + quoted(got) +
                   did_you_mean(unit, known));
  }
  const std::size_t space = text.find(' ');
  if (space != std::string_view::npos) {
    const std::string_view what = text.substr(space + 1);
    const bool is_rows = what == "rows" || what == "row";
    const bool is_days = what == "business days" || what == "business day";
    if (is_rows || is_days) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + space, window.count);
      const std::uint32_t most = is_rows ? 100'000 : 2'600;
      if (error != std::errc() || end != text.data() + space || window.count == 0 || window.count > most)
        return invalid("expected a whole number from 1 to " + with_thousands(most) + " before \"" + std::string(what) +
                       "\", got " + quoted(got));
      window.kind = is_rows ? WindowSpec::Kind::rows : WindowSpec::Kind::business_days;
      return window;
    }
  }
  auto over = parse_duration(text);
  if (!over)
    return invalid("expected a window such as \"5m\", \"252 rows\", \"5 business days\" or \"calendar day\", got " +
                   quoted(got) + ": " + over.error().text);
  if (over->ns <= 0) return invalid("expected a window longer than 0s, got " + quoted(got));
  window.kind = WindowSpec::Kind::sliding;
  window.over = *over;
  return window;
}

std::string TrailingSpec::text() const {
  if (is_seasonal()) return "seasonal " + format_duration(period) + ", " + std::to_string(periods) + " periods";
  return "trailing " + (rows > 0 ? std::to_string(rows) + " rows" : format_duration(span)) +
         (gap.ns > 0 ? " less " + format_duration(gap) : "");
}

std::string describe(const HandleSpec& handle, const std::vector<HandleSpec>& all) {
  const auto input = [&](std::size_t i) {
    return i < handle.inputs.size() && handle.inputs[i] < all.size() ? describe(all[handle.inputs[i]], all)
                                                                     : std::string("?");
  };
  const auto span = [&](const char* name) {
    return input(0) + ":" + name + " " + quoted(format_duration(handle.span));
  };
  using Op = HandleSpec::Op;
  switch (handle.op) {
    case Op::metric:
      return describe_metric(handle.metric);
    case Op::constant:
      return format_number(handle.constant);
    case Op::add:
      return "(" + input(0) + " + " + input(1) + ")";
    case Op::subtract:
      return "(" + input(0) + " - " + input(1) + ")";
    case Op::multiply:
      return "(" + input(0) + " * " + input(1) + ")";
    case Op::divide:
      return "(" + input(0) + " / " + input(1) + ")";
    case Op::negate:
      return "-" + input(0);
    case Op::shifted:
      return span("shifted");
    case Op::change:
      return span("change");
    case Op::rate:
      return input(0) + ":rate()";
    case Op::max_over:
      return span("max_over");
    case Op::min_over:
      return span("min_over");
    case Op::mean_over:
      return span("mean_over");
    case Op::deviation:
      return input(0) + ":deviation { from = " + input(1) + " }";
    case Op::trailing:
      return "trailing(" +
             quoted(handle.rows > 0 ? std::to_string(handle.rows) + " rows" : format_duration(handle.span)) +
             ", { gap = " + quoted(format_duration(handle.gap)) +
             ", statistic = " + (handle.is_median ? "\"median\"" : "\"mean\"") + " }) of " + input(0);
    case Op::seasonal:
      return "seasonal(" + quoted(format_duration(handle.span)) + ", { periods = " + std::to_string(handle.periods) +
             " }) of " + input(0);
    case Op::detector: {
      std::string options = options_of(handle.detector);
      if (handle.inputs.size() > 1) {
        const std::string against = "against = baseline " + quoted(all[handle.inputs[1]].metric.against);
        options =
            options.empty() ? "{ " + against + " }" : options.substr(0, options.size() - 2) + ", " + against + " }";
      }
      return input(0) + ":" + std::string(name_of(handle.detector.kind)) +
             (options.empty() ? "()" : " " + std::move(options));
    }
    case Op::forecast:
      return input(0) + ":forecast { over = " + quoted(format_duration(handle.span)) +
             ", ahead = " + quoted(format_duration(handle.ahead)) + " }";
    case Op::time_to:
      return input(0) + ":time_to(" + format_number(handle.limit) +
             ", { over = " + quoted(format_duration(handle.span)) + " })";
  }
  return "?";
}

}  // namespace tidewatch
