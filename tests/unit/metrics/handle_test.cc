// Windows as text, and arithmetic on readings.
#include <catch2/catch.hpp>

#include "engine_fixture.h"

using namespace engine_fixture;

TEST_CASE("windows are written back as they were read") {
  for (const char* text : {"5m", "252 rows", "5 business days", "calendar month", "calendar year"}) {
    auto window = parse_window(text);
    REQUIRE(window);
    CHECK(window->text() == text);
  }
  for (const char* text : {"0s", "0 rows", "x rows", "100001 rows", "calendar fortnight", "15"})
    CHECK_FALSE(parse_window(text));
}

TEST_CASE("a ratio, a change and a maximum are what their inputs make them") {
  HandleSpec sum = metric("sum", "10s", {"value"}), count = metric("count", "10s");
  sum.metric.step = count.metric.step = seconds(10);
  using Op = HandleSpec::Op;
  auto engine = engine_of({sum, count, combination(Op::divide, {0, 1}), combination(Op::change, {0}, seconds(10)),
                           combination(Op::max_over, {0}, seconds(30)), combination(Op::rate, {0}),
                           combination(Op::shifted, {0}, seconds(20)), combination(Op::divide, {0, 6})});
  engine->feed("api", "s", batch_of({{0, 8}, {12, 2}, {13, 4}, {25, 9}, {26, 0}, {30, 1}}), at(30));
  const auto value = [&](HandleId h) { return engine->read_one(h, LabelSet(), at(30)).value; };
  CHECK((value(0) == 9.0));
  CHECK((value(2) == 4.5));
  CHECK((value(3) == 0.5));  // 9 against 6
  CHECK((value(4) == 9.0));
  CHECK((value(5) == 0.9));
  CHECK((value(6) == 8.0));
  CHECK((value(7) == 9.0 / 8.0));
}

TEST_CASE("a window begun before the first row is insufficient for a sum and shown") {
  auto engine = engine_of({metric("sum", "1m", {"value"})});
  engine->feed("api", "s", batch_of({{30, 8}, {61, 1}}), at(61));
  const Reading r = engine->read_one(0, LabelSet(), at(61));
  CHECK(r.status == Status::insufficient);
  CHECK((r.value == 8.0));
}
