#include "metrics/memory_estimate.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "metrics/families/family.h"
#include "metrics/metric_engine.h"
#include "metrics/windows/window_span.h"

namespace tidewatch {
namespace {

// A pane's place in its list; a series with its index entries; a reading that is recorded, of which two stand.
constexpr double pane_overhead = 40, series_overhead = 600, readings_of_part = 900;

// How far back each handle's windows are looked at from later ones.
std::vector<Duration> looked_back(const std::vector<HandleSpec>& handles) {
  std::vector<Duration> behind(handles.size());
  for (std::size_t id = handles.size(); id-- > 0;)  // inputs come before those who read them
    for (const HandleId input : handles[id].inputs)
      if (input < id) behind[input] = std::max(behind[input], behind[id] + reach_of(handles[id]));
  return behind;
}

// As a row lies in memory: eight bytes a number, a code and a text's own bytes, and whether it is null.
double width_of(const StreamSpec& stream) {
  double bytes = 9.0 * static_cast<double>(stream.derived.size());
  for (const ColumnSpec& column : stream.schema.columns)
    bytes += column.type == ColumnType::string ? 25 : column.type == ColumnType::category ? 9 : 9;
  return bytes;
}

std::string size_text(double bytes) {
  char text[32];
  if (bytes < 1000)
    std::snprintf(text, sizeof text, "%.0f bytes", bytes);
  else if (bytes < 1e6)
    std::snprintf(text, sizeof text, bytes < 1e4 ? "%.1f kB" : "%.0f kB", bytes / 1e3);
  else
    std::snprintf(text, sizeof text, bytes < 1e7 ? "%.1f MB" : "%.0f MB", bytes / 1e6);
  return text;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

std::vector<MemoryEstimate> estimate_memory(const std::vector<StreamSpec>& streams,
                                            const std::vector<HandleSpec>& handles) {
  struct Ring {
    MemoryEstimate out;
    Duration keep{};
    double pane = 0, merged = 0, parts = 0;  // bytes a pane; of these, what merges are kept of
    bool keeps_rows = false;
    bool has_span = false;  // windows of rows beside a past of time
    double width = 0;
    Duration step{};
    std::uint32_t rows = 0;
    std::set<std::string> families;
  };
  std::vector<Ring> rings;
  std::map<std::string, std::size_t> known;
  const std::vector<Duration> behind = looked_back(handles);
  for (std::size_t id = 0; id < handles.size(); ++id) {
    if (handles[id].op != HandleSpec::Op::metric) continue;
    MetricSpec spec = handles[id].metric;
    const auto stream =
        std::find_if(streams.begin(), streams.end(), [&](const StreamSpec& each) { return each.name == spec.stream; });
    if (stream == streams.end() || spec.at_baseline) continue;
    const bool by_rows = spec.window.kind == WindowSpec::Kind::rows;
    if (spec.window.kind == WindowSpec::Kind::sliding && spec.step.ns == 0) spec.step = default_step(spec.window.over);
    const Duration step = spec.window.kind == WindowSpec::Kind::sliding ? spec.step : days(1);
    if (step.ns <= 0) continue;
    std::vector<std::string> columns = {""};
    const MetricInfo* const info = find_metric(spec.metric);
    if (spec.columns.size() == 1 && spec.columns[0] == "*") {
      columns = stream->schema.names();
      for (const DerivedSpec& derived : stream->derived) columns.push_back(derived.name);
      if (info && info->columns_max > 2) {  // one answer for the whole table
        std::erase_if(columns, [&](const std::string& name) {
          const auto at = stream->schema.find(name);
          return at && stream->schema.columns[*at].type == ColumnType::time;
        });
        spec.columns = columns;
        columns = {""};
      }
    } else if (info && info->columns_max == 1 && spec.columns.size() > 1) {
      columns = spec.columns;
    }
    std::string key = spec.stream + "\n" + spec.where + "\n" + std::to_string(spec.predicate) + "\n" +
                      (by_rows ? "rows" : std::to_string(step.ns)) + "\n";
    for (const std::string& name : spec.by) key += name + "\n";
    const auto [place, is_new] = known.try_emplace(key, rings.size());
    if (is_new) {
      rings.emplace_back();
      rings.back().out.stream = spec.stream;
      rings.back().out.by = spec.by;
      rings.back().step = step;
    }
    Ring& ring = rings[place->second];
    ring.out.most_series = std::max(ring.out.most_series, spec.most_series);
    const Duration lateness = spec.lateness.ns >= 0 ? spec.lateness : std::max(step, minutes(1));
    const Duration within = stream->join ? stream->join->within : Duration{0};
    ring.keep = std::max(ring.keep, nominal(spec.window) + lateness + behind[id] + within + reach_of(spec));
    for (const std::string& column : columns) {
      MetricSpec part = spec;
      if (!column.empty()) part.columns = {column};
      const auto family = make_family(part, *stream);
      if (!family) continue;
      ring.parts += 1;
      if (by_rows) ring.rows = std::max(ring.rows, spec.window.count + (*family)->extra_rows() + spec.trailing.rows);
      ring.has_span = ring.has_span || (by_rows && spec.trailing.span.ns > 0);
      if (!ring.families.insert(family_key(part) + "|" + spec.against).second) continue;
      const auto bytes = static_cast<double>((*family)->pane_bytes());
      ring.pane += bytes;
      if (!(*family)->merges_at_once(*(*family)->make()) && !(*family)->slides()) ring.merged += bytes;
      ring.out.row_bytes += static_cast<double>((*family)->row_bytes());
      ring.keeps_rows = ring.keeps_rows || by_rows || (*family)->is_sequential() || stream->join.has_value();
      ring.width = width_of(*stream);
    }
  }
  std::vector<MemoryEstimate> out;
  for (Ring& ring : rings) {
    if (ring.parts == 0) continue;
    const double panes = std::ceil(static_cast<double>(ring.keep.ns) / static_cast<double>(ring.step.ns)) + 1;
    ring.out.bytes = series_overhead + ring.parts * readings_of_part;
    if (ring.rows)
      ring.out.bytes += ring.rows * ring.width;  // twice as many for a moment, then trimmed
    else
      ring.out.bytes += panes * (ring.pane + pane_overhead) + panes / 2 * ring.merged;
    if (ring.keeps_rows && !ring.rows) ring.out.row_bytes += ring.width;
    if (ring.rows) ring.out.row_bytes = ring.has_span ? ring.width : 0;
    ring.out.rows_for = ring.keep;
    out.push_back(ring.out);
  }
  return out;
}

std::string describe(const std::vector<MemoryEstimate>& estimates) {
  double plain = 0;
  std::map<std::string, double> grouped, by_row;
  for (const MemoryEstimate& one : estimates) {
    if (one.by.empty())
      plain += one.bytes;
    else
      grouped[listed(one.by)] += one.bytes;
    if (one.row_bytes > 0) by_row[one.stream + " in " + format_duration(one.rows_for)] += one.row_bytes;
  }
  std::string out;
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
  if (plain > 0 || estimates.empty()) add(size_text(plain));
  for (const auto& [by, bytes] : grouped) add(size_text(bytes) + " for each label set of " + by);
  for (const auto& [what, bytes] : by_row) add(size_text(bytes) + " for each row of " + what);
  return out;
}

}  // namespace tidewatch
