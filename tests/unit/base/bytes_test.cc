// What a checkpoint is made of: texts written piece by piece are the texts written whole; absurd instants are damage.
#include <catch2/catch.hpp>

#include "base/bytes.h"

using namespace tidewatch;

TEST_CASE("a text written piece by piece has the bytes of one written whole") {
  ByteWriter inner, middle, whole;
  inner.put(std::uint16_t{7});
  inner.text("seven");
  middle.text(inner.bytes());
  middle.put(1.5);
  whole.text("name");
  whole.text(middle.bytes());
  whole.text("");
  whole.put(true);

  ByteWriter pieces;
  pieces.text("name");
  const std::size_t outer = pieces.begin_text(), within = pieces.begin_text();
  pieces.put(std::uint16_t{7});
  pieces.text("seven");
  pieces.end_text(within);
  pieces.put(1.5);
  pieces.end_text(outer);
  pieces.end_text(pieces.begin_text());
  pieces.put(true);
  CHECK(pieces.bytes() == whole.bytes());
}

TEST_CASE("an instant so far out that differences could overflow is damage") {
  for (const auto& [ns, is_good] :
       {std::pair{INT64_MIN / 2, true}, std::pair{INT64_MAX / 2, true}, std::pair{std::int64_t{0}, true},
        std::pair{INT64_MIN / 2 - 1, false}, std::pair{INT64_MAX / 2 + 1, false}, std::pair{INT64_MIN, false}}) {
    CAPTURE(ns);
    ByteWriter out;
    out.put(ns);
    ByteReader in(out.bytes());
    CHECK(in.nanoseconds() == (is_good ? ns : 0));
    CHECK(in.good() == is_good);
  }
}
