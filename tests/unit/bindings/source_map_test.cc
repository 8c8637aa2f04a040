#include "bindings/source_map.h"

#include <catch2/catch.hpp>

using namespace tidewatch;

namespace {
const char* const source =
    "-- warning = above(1)\n"
    "monitor \"drift\" {\n"
    "  value = api:p95(\"latency_ms\", { over = \"5m\", warning = 1 }),\n"
    "  warning  = 0.3, critical = above(2, { clear = 1 }),\n"
    "}\n";
}

TEST_CASE("a field is found at the first level of its call, not in nested tables or comments") {
  const SourceMap map(source);
  const Span value = map.value(2, "monitor", "drift", "warning");
  CHECK(value.line == 4);
  CHECK(value.column == 14);
  CHECK(value.length == 3);
  const Span critical = map.value(2, "monitor", "drift", "critical");
  CHECK(critical.column == 30);
  CHECK(critical.length == 23);
  CHECK(map.field(2, "monitor", "drift", "clear").line == 0);
}

TEST_CASE("options of a metric call and its arguments are found") {
  const SourceMap map(source);
  CHECK(map.value(3, "p95", {}, "over").column == 42);
  CHECK(map.argument(3, "p95", 1).column == 19);
  CHECK(map.argument(3, "p95", 2).column == 33);
  CHECK(map.argument(3, "p95", 3).line == 0);
  CHECK(map.call(1, "nothing").line == 0);
}

TEST_CASE("an unfinished text or comment ends the tokens without harm") {
  CHECK(tokenize("a = \"never closed").size() == 2);
  CHECK(tokenize("--[[ never closed").empty());
  CHECK(tokenize("x = [==[ a\nb ]==] y").back().line == 2);
}
