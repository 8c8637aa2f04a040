// Text helpers against stated answers and published vectors (FNV by its authors, SHA-256 by FIPS 180-4).
#include <catch2/catch.hpp>
#include <charconv>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/text.h"

using namespace tidewatch;

TEST_CASE("the nearest name is the one a finger slipped from") {
  const std::vector<std::string> fields{"critical", "warning", "info", "severity", "summary", "by"};
  CHECK(did_you_mean("criticl", fields) == " (did you mean \"critical\"?)");
  CHECK(did_you_mean("CRITICAL", fields) == " (did you mean \"critical\"?)");
  CHECK(did_you_mean("wraning", fields) == " (did you mean \"warning\"?)");
  CHECK(did_you_mean("yb", fields) == " (did you mean \"by\"?)");
  CHECK(did_you_mean("sevrty", fields) == " (did you mean \"severity\"?)");
  CHECK(did_you_mean("bananas", fields).empty());
  CHECK(did_you_mean("", fields).empty());
  CHECK(did_you_mean(std::string(100'000, 'x'), fields).empty());
}

TEST_CASE("near names come nearest first, then by shared prefix, then by alphabet, three at most") {
  const std::vector<std::string> known{"latency_p99", "latency_p95", "latency_ms", "late", "lateral"};
  CHECK(nearest_names("latency_p9", known) == std::vector<std::string>{"latency_p95", "latency_p99", "latency_ms"});
  const std::vector<std::string> swapped{"form", "from"};
  CHECK(nearest_names("fro", swapped).front() == "from");
  // A swap of neighbours is one step, not two: distance 1 is within reach of a two-letter word.
  CHECK(nearest_names("ot", std::vector<std::string>{"to"}) == std::vector<std::string>{"to"});
}

TEST_CASE("numbers are written as people write them") {
  CHECK(format_number(3) == "3");
  CHECK(format_number(0) == "0");
  CHECK(format_number(-0.0) == "-0");
  CHECK(format_number(0.1) == "0.1");
  CHECK(format_number(1'200'000) == "1200000");
  CHECK(format_number(999'999'999'999'999) == "999999999999999");
  CHECK(format_number(1e15) == "1e+15");
  CHECK(format_number(0.0001) == "0.0001");
  CHECK(format_number(1e-7) == "1e-07");
  CHECK(format_number(-2.5) == "-2.5");
  CHECK(format_number(0.1 + 0.2) == "0.30000000000000004");
}

TEST_CASE("a written number reads back as the same bits") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    std::uint64_t bits = random();
    double v;
    std::memcpy(&v, &bits, sizeof v);
    if (i % 2) v = static_cast<double>(static_cast<std::int64_t>(bits) >> (random() % 63)) / 1000;
    if (v != v || v - v != 0) continue;
    const std::string text = format_number(v);
    double back = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), back);
    if (end.ptr != text.data() + text.size() || std::memcmp(&back, &v, sizeof v) != 0) FAIL(text);
  }
}

TEST_CASE("JSON bodies escape quotes, controls and broken UTF-8") {
  CHECK(json_escape("plain \xC3\xA9 \xF0\x9F\x8C\x8A") == "plain \xC3\xA9 \xF0\x9F\x8C\x8A");
  CHECK(json_escape("a\"b\\c") == "a\\\"b\\\\c");
  CHECK(json_escape("\n\t\r\x01\x1f") == "\\n\\t\\r\\u0001\\u001f");
  CHECK(json_escape(std::string_view("\0", 1)) == "\\u0000");
  CHECK(json_escape("a\xFFz") == "a\xEF\xBF\xBDz");
  CHECK(json_escape("\xE2\x82") == "\xEF\xBF\xBD\xEF\xBF\xBD");  // a cut euro sign: each byte is one mark
}

TEST_CASE("UTF-8 is judged as RFC 3629 does") {
  for (const std::string good : {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                                 "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK(is_valid_utf8(good));
  }
  for (const std::string bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "\xF0\x9F\x8C", "\xC3(", "\xFE"}) {
    CHECK_FALSE(is_valid_utf8(bad));
  }
}

TEST_CASE("whatever goes into a JSON body, valid UTF-8 without bare controls comes out") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string in;
    for (auto n = random() % 12; n > 0; --n) in += static_cast<char>(random());
    const std::string out = json_escape(in);
    CHECK(is_valid_utf8(out));
    for (const char c : out) CHECK(static_cast<unsigned char>(c) >= 0x20);
  }
}

TEST_CASE("thousands are set apart") {
  CHECK(with_thousands(0) == "0");
  CHECK(with_thousands(42) == "42");
  CHECK(with_thousands(999) == "999");
  CHECK(with_thousands(1000) == "1,000");
  CHECK(with_thousands(1'234'567) == "1,234,567");
  CHECK(with_thousands(UINT64_MAX) == "18,446,744,073,709,551,615");
}

TEST_CASE("digests match their published vectors") {
  CHECK(fnv1a64("") == 0xcbf29ce484222325ull);
  CHECK(fnv1a64("a") == 0xaf63dc4c8601ec8cull);
  CHECK(fnv1a64("foobar") == 0x85944171f73967e8ull);
  CHECK(fnv1a64("bar", fnv1a64("foo")) == fnv1a64("foobar"));
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
