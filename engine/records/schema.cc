// Names of column types and the schema's hash. The hash is taken over text lines rather than over our own binary form,
// so that anyone can recompute it with a one-line script and compare it with a colleague's export.
#include "records/schema.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tidewatch {

namespace {
constexpr std::array<std::string_view, 6> type_names = {"number", "integer", "boolean", "string", "category", "time"};
}

std::string_view name_of(ColumnType type) { return type_names[static_cast<std::size_t>(type) % type_names.size()]; }

std::optional<ColumnType> column_type_named(std::string_view name) {
  for (std::size_t i = 0; i < type_names.size(); ++i) {
    if (type_names[i] == name) return static_cast<ColumnType>(i);
  }
  return std::nullopt;
}

std::optional<std::size_t> Schema::find(std::string_view name) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  return std::nullopt;
}

std::vector<std::string> Schema::names() const {
  std::vector<std::string> out;
  out.reserve(columns.size());
  for (const ColumnSpec& column : columns) out.push_back(column.name);
  return out;
}

std::string Schema::hash(bool ordered) const {
  std::vector<const ColumnSpec*> order;
  order.reserve(columns.size());
  for (const ColumnSpec& column : columns) order.push_back(&column);
  if (!ordered) {
    std::sort(order.begin(), order.end(), [](const ColumnSpec* a, const ColumnSpec* b) { return a->name < b->name; });
  }
  std::string lines;
  for (const ColumnSpec* column : order) {
    lines.append(column->name).append("\t").append(name_of(column->type));
    lines.append(column->nullable ? "\t1\n" : "\t0\n");
  }
  return sha256_hex(lines);
}

}  // namespace tidewatch
