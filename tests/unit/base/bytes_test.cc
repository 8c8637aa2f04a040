// Texts written piece by piece are the texts written whole, one within another too.
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
