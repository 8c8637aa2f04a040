// Rows for the family tests, written as vectors: a stream of typed columns, a batch of them, a family over both.
#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "metrics/families/family.h"
#include "metrics/metric_engine.h"

namespace tidewatch::rows {

struct Table {
  StreamSpec stream;
  Batch batch;

  Table() {
    stream.name = "api";
    stream.time = "ts";
    stream.schema.columns.push_back({"ts", ColumnType::time, false});
    batch.columns.emplace_back();
    batch.columns[0].type = ColumnType::time;
  }
  Table& numbers(const std::string& name, const std::vector<double>& values, std::vector<std::uint8_t> null = {}) {
    Column column;
    column.type = ColumnType::number;
    column.numbers = values;
    return put(name, std::move(column), values.size(), std::move(null));
  }
  Table& integers(const std::string& name, const std::vector<std::int64_t>& values,
                  std::vector<std::uint8_t> null = {}) {
    Column column;
    column.type = ColumnType::integer;
    column.integers = values;
    return put(name, std::move(column), values.size(), std::move(null));
  }
  Table& texts(const std::string& name, const std::vector<std::string>& values, std::vector<std::uint8_t> null = {}) {
    Column column;
    column.type = ColumnType::category;
    for (const std::string& value : values) column.codes.push_back(column.dictionary.add(value));
    return put(name, std::move(column), values.size(), std::move(null));
  }

 private:
  Table& put(const std::string& name, Column column, std::size_t count, std::vector<std::uint8_t> null) {
    column.null = null.empty() ? std::vector<std::uint8_t>(count) : std::move(null);
    stream.schema.columns.push_back({name, column.type, true});
    batch.columns.push_back(std::move(column));
    while (batch.rows < count) {
      batch.columns[0].integers.push_back(static_cast<std::int64_t>(batch.rows++) * 1'000'000'000);
      batch.columns[0].null.push_back(0);
    }
    return *this;
  }
};

inline std::vector<std::uint32_t> all(const Batch& batch) {
  std::vector<std::uint32_t> rows(batch.rows);
  std::iota(rows.begin(), rows.end(), 0u);
  return rows;
}

inline MetricSpec metric(std::string name, std::vector<std::string> columns) {
  MetricSpec spec;
  spec.metric = std::move(name);
  spec.columns = std::move(columns);
  spec.stream = "api";
  return spec;
}

inline std::string bytes_of(const Family& family, const FamilyState& state) {
  ByteWriter out;
  family.write(state, out);
  return out.take();
}

inline Reading read(const Family& family, const FamilyState& state, const MetricSpec& spec) {
  Reading out;
  ReadContext context;
  context.to = Instant{60'000'000'000};
  if (spec.is_calibrated) out.chance = std::make_shared<Chance>();
  family.read(state, spec, context, out);
  if (out.chance && out.chance->kind == Chance::Kind::none) out.chance.reset();  // as the engine does
  return out;
}

// The reading of a table's rows; `reference` is handed over first when the family wants one.
inline Reading read(const MetricSpec& spec, const Table& table, const Table* reference = nullptr) {
  auto family = make_family(spec, table.stream);
  if (!family) {
    Reading out;
    out.reason = family.error().text;
    return out;
  }
  if (reference) {
    (*family)->reference_rows(reference->batch, all(reference->batch));
    (*family)->reference_seal();
  }
  (*family)->prepare(table.batch);
  auto state = (*family)->make();
  (*family)->add(*state, table.batch, all(table.batch));
  return read(**family, *state, spec);
}

}  // namespace tidewatch::rows
