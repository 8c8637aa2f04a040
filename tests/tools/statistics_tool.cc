// Answers statistics cases for the oracle test: one line in, one line out, plain text so that no parser stands between
// the numbers and the engine. Test-time only; never installed.
//
//   line:  metric TAB option=value;... TAB name:v,v,...;name:...  [TAB name:v,...]     (the last: the reference)
//   value: a hexadecimal float, nan, inf, -inf, or _ for a null; in a column whose name ends in # a text
//   answer: status value n nulls excluded low high p_value error_bound in_force inflation   (- where absent; the last
//   two
//           where options ask for a threshold: alpha, asked, below)
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "tests/unit/metrics/family_rows.h"

namespace {

using tidewatch::rows::Table;

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  std::stringstream in(text);
  for (std::string item; std::getline(in, item, at);) out.push_back(item);
  return out;
}

Table table_of(const std::string& text, std::vector<std::string>& names) {
  Table table;
  names.clear();
  for (const std::string& column : split(text, ';')) {
    const std::size_t colon = column.find(':');
    std::vector<double> values;
    std::vector<std::string> texts;
    std::vector<std::uint8_t> null;
    for (const std::string& item : split(column.substr(colon + 1), ',')) {
      null.push_back(item == "_");
      texts.push_back(item);
      values.push_back(item == "_" ? 0 : std::strtod(item.c_str(), nullptr));
    }
    names.push_back(column.substr(0, colon));
    if (names.back().back() == '#')
      table.texts(names.back(), texts, null);
    else
      table.numbers(names.back(), values, null);
  }
  return table;
}

void show(const std::optional<double>& value) {
  if (value)
    std::printf(" %a", *value);
  else
    std::printf(" -");
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto parts = split(line, '\t');
    if (parts.size() < 3) {
      std::puts("bad_case");
      continue;
    }
    std::vector<std::string> names, reference_names;
    const Table table = table_of(parts[2], names);
    tidewatch::MetricSpec spec = tidewatch::rows::metric(parts[0], names);
    spec.min_n = 1;
    double asked = 0;
    bool is_above = true;
    std::optional<double> alpha, in_force, inflation;
    for (const std::string& option : split(parts[1], ';')) {
      const std::string name = option.substr(0, option.find('=')), value = option.substr(option.find('=') + 1);
      if (name == "q") spec.q = std::strtod(value.c_str(), nullptr);
      if (name == "threshold") spec.threshold = std::strtod(value.c_str(), nullptr);
      if (name == "exact") spec.exact = true;
      if (name == "reverse") spec.reverse = true;
      if (name == "floor") spec.smoothing_floor = true;
      if (name == "bins") spec.bins = value;
      if (name == "nulls") spec.nulls_bin = true;
      if (name == "plain") spec.point_masses = false;
      if (name == "scaled") spec.scaled = true;
      if (name == "method") spec.method = value;
      if (name == "test") spec.test = value;
      if (name == "min_n") spec.min_n = std::strtoull(value.c_str(), nullptr, 10);
      if (name == "false_positive") spec.false_positive_cost = std::strtod(value.c_str(), nullptr);
      if (name == "false_negative") spec.false_negative_cost = std::strtod(value.c_str(), nullptr);
      if (name == "per") spec.per_prediction = true;
      if (name == "expression") spec.expression = value;
      if (name == "asked") asked = std::strtod(value.c_str(), nullptr);
      if (name == "below") is_above = false;
      if (name == "alpha") {
        alpha = std::strtod(value.c_str(), nullptr);
        spec.is_calibrated = true;
      }
      if (name == "rows") {
        spec.window.kind = tidewatch::WindowSpec::Kind::rows;
        spec.window.count = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
      }
    }
    tidewatch::Reading reading;
    if (parts.size() > 3) {
      spec.against = "reference";
      const Table reference = table_of(parts[3], reference_names);
      reading = tidewatch::rows::read(spec, table, &reference);
    } else {
      reading = tidewatch::rows::read(spec, table);
    }
    const std::string_view status = tidewatch::name_of(reading.status);
    std::printf("%.*s", static_cast<int>(status.size()), status.data());
    show(reading.value);
    std::printf(" %llu %llu %llu", static_cast<unsigned long long>(reading.n),
                static_cast<unsigned long long>(reading.nulls), static_cast<unsigned long long>(reading.excluded));
    show(reading.low);
    show(reading.high);
    show(reading.p_value);
    std::printf(" %a", reading.error.bound);
    if (alpha && reading.chance && reading.chance->kind != tidewatch::Chance::Kind::none) {
      const auto threshold = tidewatch::threshold_in_force(asked, is_above, *alpha, *reading.chance);
      in_force = threshold.in_force;
      if (threshold.is_inflation_measured) inflation = threshold.inflation;
    }
    show(in_force);
    show(inflation);
    std::printf("\n");
  }
}
