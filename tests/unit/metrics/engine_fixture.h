// A small stream for engine tests: time, number value, category host; batches from rows written in seconds.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "metrics/metric_engine.h"

namespace engine_fixture {

using namespace tidewatch;

struct Row {
  double at;
  double value;
  std::string host = "a";
  bool is_null = false;
};

inline Instant at(double s) { return {static_cast<std::int64_t>(s * 1e9)}; }

inline StreamSpec api_stream() {
  StreamSpec s;
  s.name = "api";
  s.schema.columns = {
      {"ts", ColumnType::time, false}, {"value", ColumnType::number, true}, {"host", ColumnType::category, true}};
  s.time = "ts";
  return s;
}

inline Batch batch_of(const std::vector<Row>& rows) {
  Batch b;
  b.columns.resize(3);
  b.columns[0].type = ColumnType::time;
  b.columns[1].type = ColumnType::number;
  b.columns[2].type = ColumnType::category;
  for (const Row& r : rows) {
    b.columns[0].integers.push_back(at(r.at).ns);
    b.columns[1].numbers.push_back(r.is_null ? 0 : r.value);
    b.columns[2].codes.push_back(b.columns[2].dictionary.add(r.host));
    b.columns[0].null.push_back(0);
    b.columns[1].null.push_back(r.is_null);
    b.columns[2].null.push_back(0);
  }
  b.rows = b.received = rows.size();
  return b;
}

inline HandleSpec metric(std::string name, std::string window, std::vector<std::string> columns = {}) {
  HandleSpec h;
  h.metric.metric = std::move(name);
  h.metric.stream = "api";
  h.metric.columns = std::move(columns);
  h.metric.window = *parse_window(window);
  return h;
}

inline HandleSpec combination(HandleSpec::Op op, std::vector<HandleId> inputs, Duration span = {0}) {
  HandleSpec h;
  h.op = op;
  h.inputs = std::move(inputs);
  h.span = span;
  return h;
}

inline std::unique_ptr<MetricEngine> engine_of(std::vector<HandleSpec> handles, StreamSpec stream = api_stream()) {
  std::vector<MetricEngine::Problem> problems;
  auto made = MetricEngine::create({std::move(stream)}, {}, std::move(handles), nullptr, &problems);
  for (const auto& p : problems) FAIL(p.text);
  return std::move(*made);
}

inline HandleSpec trailing(HandleId of, Duration span, bool is_median, Duration gap = {0}) {
  HandleSpec h = combination(HandleSpec::Op::trailing, {of}, span);
  h.is_median = is_median;
  h.gap = gap;
  return h;
}

inline HandleSpec seasonal(HandleId of, Duration period, std::uint32_t periods) {
  HandleSpec h = combination(HandleSpec::Op::seasonal, {of}, period);
  h.periods = periods;
  return h;
}

// The bits of what a reading says, for equality of runs.
inline std::string bits(const Reading& r) {
  Reading copy = r;
  copy.as_of = {};
  ByteWriter out;
  write_reading(out, copy);
  return out.take();
}

}  // namespace engine_fixture
