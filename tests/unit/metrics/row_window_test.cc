// "N rows": the last rows with a value, in event order, whatever order they came in.
#include <catch2/catch.hpp>

#include "engine_fixture.h"

using namespace engine_fixture;

TEST_CASE("the last three rows with a value make the mean, out of order and with nulls") {
  HandleSpec h = metric("mean", "3 rows", {"value"});
  h.metric.lateness = minutes(10);
  auto engine = engine_of({h});
  engine->feed("api", "s", batch_of({{10, 1}, {40, 4}, {20, 2}, {30, 100, "a", true}}), at(100));
  CHECK(engine->read_one(0, LabelSet(), at(100)).value.value_or(-1) == Approx(7.0 / 3));
  engine->feed("api", "s", batch_of({{25, 6}}), at(100));
  const Reading r = engine->read_one(0, LabelSet(), at(100));
  CHECK((r.value == 4.0));
  CHECK(r.revision == 1);
  for (int i = 0; i < 1000; ++i) engine->feed("api", "s", batch_of({{50.0 + i * 10, 5}}), at(1e6));
  CHECK((engine->read_one(0, LabelSet(), at(1e6)).value == 5.0));
}
