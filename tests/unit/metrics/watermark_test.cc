// The rules of watermarks, one a test.
#include <catch2/catch.hpp>

#include "engine_fixture.h"
#include "metrics/windows/watermark.h"

using namespace engine_fixture;

TEST_CASE("the stream waits for its slowest source and never goes back") {
  Watermark w(seconds(5), minutes(1));
  w.arrived("fast", at(100), at(200));
  CHECK(w.value().ns == at(95).ns);
  w.arrived("slow", at(50), at(200));
  CHECK(w.value().ns == at(95).ns);
  w.arrived("fast", at(150), at(201));
  CHECK(w.value().ns == at(95).ns);
  w.arrived("slow", at(120), at(202));
  CHECK(w.value().ns == at(115).ns);
}

TEST_CASE("a source without rows for idle holds nobody back from the first tick on") {
  Watermark w(seconds(0), minutes(1));
  w.arrived("slow", at(10), at(100));
  w.arrived("fast", at(90), at(159));
  w.tick(at(159));
  CHECK(w.value().ns == at(10).ns);
  w.tick(at(160));
  CHECK(w.value().ns == at(90).ns);
}

TEST_CASE("when all sources are idle the watermark runs on with the clock") {
  Watermark w(seconds(5), minutes(1));
  w.arrived("s", at(100), at(1000));
  w.tick(at(1060));
  CHECK(w.value().ns == at(160).ns);
  w.tick(at(1100));
  CHECK(w.value().ns == at(200).ns);
}

TEST_CASE("a row ahead of the clock cannot push the watermark") {
  Watermark w(seconds(0), minutes(10));
  w.arrived("s", at(300), at(100));
  CHECK(w.value().ns == at(100).ns);
  w.tick(at(150));
  CHECK(w.value().ns == at(150).ns);
  w.tick(at(500));
  CHECK(w.value().ns == at(300).ns);
}
