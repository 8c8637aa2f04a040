// What counts as a positive outcome, decided once per column at load so that no row is guessed at.
#include <cstdlib>

#include "metrics/families/family_of.h"

namespace tidewatch {

Result<PositiveTest> PositiveTest::make(const MetricSpec& spec, ColumnType type, const std::string& column) {
  PositiveTest test;
  test.type_ = type;
  if (type == ColumnType::time)
    return invalid(spec.metric + ": expected an outcome in column \"" + column + "\", got a time");
  if (type == ColumnType::string || type == ColumnType::category) {
    if (spec.positive.empty())
      return invalid(spec.metric + ": column \"" + column + "\" is a " + std::string(name_of(type)) +
                     "; say which value is the positive one: { positive = \"...\" }");
    test.text_ = spec.positive;
  } else if (spec.positive == "true" || spec.positive == "false") {
    test.has_number_ = true;
    test.number_ = spec.positive == "true";
  } else if (!spec.positive.empty()) {
    char* end = nullptr;
    test.number_ = std::strtod(spec.positive.c_str(), &end);
    test.has_number_ = true;
    if (*end)
      return invalid(spec.metric + ": column \"" + column + "\" is a " + std::string(name_of(type)) +
                     "; expected a number as positive, got \"" + spec.positive + "\"");
  }
  return test;
}

}  // namespace tidewatch
