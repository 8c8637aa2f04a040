// The reader of plain records against simdjson's: on the same bytes they must make the same batch to the last bit, or
// the plain one must have declined. Records are made at random and then some of their bytes are changed.
#include <cinttypes>

#include "records/decode_ndjson.h"
#include "records/plain_record.h"
#include "streams.h"

using namespace tidewatch;
using namespace tidewatch::testing;

namespace {

StreamSpec wide_stream() {
  StreamSpec stream = api_stream();
  stream.schema.columns.push_back({"a_key_that_is_longer_than_thirty_two_bytes", ColumnType::number, true});
  stream.schema.columns.push_back({"at", ColumnType::time, true});
  stream.schema.columns.push_back({"kind", ColumnType::category, true});
  return stream;
}

// Bodies read one after the other, as a connection would send them: keys learnt from one serve the next.
class Reading {
 public:
  explicit Reading(const StreamSpec& stream, bool plain) : builder_(stream), reader_(builder_, plain) {}
  std::string of(const std::string& body, bool is_array = false) {
    builder_.begin_body(body.size());
    if (is_array)
      reader_.read_array(body);
    else
      reader_.read_lines(body);
    return stored(builder_.finish());
  }

 private:
  RowBuilder builder_;
  JsonReader reader_;
};

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
  template <std::size_t N>
  std::string one_of(const char* const (&choices)[N]) {
    return choices[below(N)];
  }

  std::string number() {
    static const char* const edges[] = {"0",
                                        "-0",
                                        "-0.0",
                                        "0.0",
                                        "1e0",
                                        "1E+5",
                                        "-1e-5",
                                        "9007199254740992",
                                        "9007199254740993",
                                        "9007199254740991.5",
                                        "123456789012345678",
                                        "1234567890123456789",
                                        "12345678901234567890",
                                        "0.1",
                                        "0.30000000000000004",
                                        "2.2250738585072014e-308",
                                        "4.9e-324",
                                        "1e-400",
                                        "1.7976931348623157e308",
                                        "1e309",
                                        "5e-325",
                                        "1e22",
                                        "1e23",
                                        "8.5e22",
                                        "123456789e-22",
                                        "123456789e-23",
                                        "00",
                                        "01",
                                        "1.",
                                        ".5",
                                        "1e",
                                        "+1",
                                        "-",
                                        "--1",
                                        "0x10",
                                        "1_0",
                                        "Infinity",
                                        "NaN",
                                        "-9223372036854775808",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "999999999999999999",
                                        "1000000000000000000",
                                        "0.0000000000000000000000001",
                                        "100000000000",
                                        "99999999999",
                                        "1e5",
                                        "3.0",
                                        "3.5",
                                        "9007199254740993.0"};
    if (below(3) == 0) return one_of(edges);
    char text[64];
    const double magnitude = std::ldexp(static_cast<double>(below(1u << 30)), static_cast<int>(below(60)) - 45);
    static const char* const forms[] = {"%.17g", "%.6f", "%.3f", "%g", "%.0f", "%.12e"};
    std::snprintf(text, sizeof text, forms[below(6)], below(2) ? magnitude : -magnitude);
    return text;
  }
  std::string text() {
    static const char* const parts[] = {"a",
                                        "/score",
                                        "é",
                                        "日本",
                                        "😀",
                                        "\\n",
                                        "\\\"",
                                        "\\u00e9",
                                        "\\ud83d\\ude00",
                                        " ",
                                        "",
                                        "x y",
                                        "\x7f",
                                        "{",
                                        "}",
                                        "[,]",
                                        ":",
                                        "\\\\",
                                        "\xc3",
                                        "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80",
                                        "\xc0\xaf",
                                        "\t",
                                        "\x01",
                                        "abcdefghijklmnopqrstu"};
    std::string out = "\"";
    const bool is_plain = below(4) != 0;
    for (std::size_t i = below(5); i > 0; --i) out += is_plain ? parts[below(2)] : parts[below(25)];
    return out + "\"";
  }
  std::string time() {
    static const char* const times[] = {"1767225600000",
                                        "1767225600",
                                        "1767225600.25",
                                        "\"2026-01-01T00:00:00Z\"",
                                        "\"2026-01-01\"",
                                        "\"2026-01-01T00:00:00.123456789+05:30\"",
                                        "\"yesterday\"",
                                        "-1",
                                        "1e300",
                                        "null",
                                        "99999999999999999"};
    return below(4) ? "17672256" + std::to_string(10000 + below(90000)) : one_of(times);
  }
  std::string nested(int depth) {
    static const char* const leaves[] = {"null", "true", "false", "1",     "-2.5e3", "\"x\"",
                                         "[]",   "{}",   "nul",   "1e999", "01"};
    if (depth == 0 || below(3) == 0) return below(2) ? number() : one_of(leaves);
    std::string out;
    const bool is_object = below(2);
    for (std::size_t i = below(4); i > 0; --i) {
      if (!out.empty()) out += "," + space();
      if (is_object) out += text() + space() + ":" + space();
      out += nested(depth - 1);
    }
    return is_object ? "{" + space() + out + "}" : "[" + out + space() + "]";
  }
  std::string space() { return below(6) ? "" : below(2) ? " " : below(2) ? "\t" : "  "; }
  std::string value(ColumnType type) {
    if (below(12) == 0) return "null";
    if (below(40) == 0) return nested(2);
    static const char* const truths[] = {"true", "false", "tru", "1", "\"true\""};
    switch (type) {
      case ColumnType::number:
        return number();
      case ColumnType::integer:
        return below(3) ? std::to_string(static_cast<long>(below(1000)) - 300) : number();
      case ColumnType::boolean:
        return below(4) ? truths[below(2)] : one_of(truths);
      case ColumnType::time:
        return time();
      default:
        return text();
    }
  }
  std::string record(const StreamSpec& stream) {
    std::vector<std::string> fields;
    for (const ColumnSpec& column : stream.schema.columns) {
      if (below(25) == 0) continue;
      fields.push_back("\"" + column.name + "\"" + space() + ":" + space() + value(column.type));
    }
    if (below(3) == 0) fields.push_back("\"features\":" + nested(3));
    if (below(30) == 0) fields.push_back("\"un\\u006bnown\":1");
    if (below(30) == 0) fields.push_back("\"new" + std::to_string(below(4)) + "\":" + nested(1));
    if (below(20) == 0) fields.push_back(fields[below(fields.size())]);  // a key twice
    if (below(10) == 0) std::shuffle(fields.begin(), fields.end(), random_);
    std::string out = space() + "{" + space();
    for (std::size_t i = 0; i < fields.size(); ++i) out += (i ? "," + space() : "") + fields[i];
    out += space() + "}" + space();
    if (below(8) == 0 && !out.empty()) {  // damage
      static const char bytes[] = "\"{}[],:0-.etn \\\x80\xff\x01";
      const std::size_t at = below(out.size());
      const std::size_t how = below(3);
      if (how == 0)
        out.erase(at, 1 + below(3));
      else if (how == 1)
        out.insert(at, 1, bytes[below(sizeof bytes - 1)]);
      else
        out[at] = bytes[below(sizeof bytes - 1)];
    }
    return out;
  }

 private:
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("plain records are read to the bits simdjson reads, whatever comes") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  const StreamSpec stream = wide_stream();
  Maker maker(seed);
  Reading plain(stream, true), careful(stream, false);
  for (int round = 0; round < 600; ++round) {
    std::string body;
    for (std::size_t i = 1 + maker.below(12); i > 0; --i) body += maker.record(stream) + "\n";
    if (maker.below(3) == 0) body.pop_back();
    CAPTURE(round, body);
    REQUIRE(plain.of(body) == careful.of(body));
  }
}

TEST_CASE("records that are alike but for a few bytes are read to the bits simdjson reads") {
  // The bytes between values are compared with those of the record before: what is nearly the same must not pass.
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  const StreamSpec stream = wide_stream();
  Maker maker(seed);
  Reading plain(stream, true), careful(stream, false);
  static const char bytes[] = "0123456789019\"{}[],:-+.eE ntfa\\\x80\x01";
  for (int round = 0; round < 1000; ++round) {
    const std::string one = maker.record(stream);
    std::string body;
    for (std::size_t i = 2 + maker.below(10); i > 0; --i) {
      std::string other = one;
      for (std::size_t changes = maker.below(4); changes > 0 && !other.empty(); --changes) {
        const std::size_t at = maker.below(other.size());
        const std::size_t how = maker.below(4);
        if (how == 0)
          other.erase(at, 1);
        else if (how == 1)
          other.insert(at, 1, bytes[maker.below(sizeof bytes - 1)]);
        else
          other[at] = bytes[maker.below(sizeof bytes - 1)];
      }
      body += other + "\n";
    }
    if (maker.below(3) == 0) body.pop_back();
    CAPTURE(round, body);
    REQUIRE(plain.of(body) == careful.of(body));
  }
}

TEST_CASE("a brace is no comma and a comma no brace, whatever stood before the key last") {
  const StreamSpec stream = api_stream();
  Reading plain(stream, true), careful(stream, false);
  const std::string good = R"({"ts":1767225600000,"status":200,"endpoint":"/a"})";
  for (const std::string& bad : {std::string(R"({"ts":1767225600000,"status":200,"endpoint":"/a"{"ts":1767225600001})"),
                                 std::string(R"(,"ts":1767225600000,"endpoint":"/a","status":200})"),
                                 std::string(R"({"status":200,"ts":1767225600000{"status":200,"endpoint":"/a"})")}) {
    const std::string turned = R"({"status":200,"ts":1767225600000,"endpoint":"/a"})";
    for (const std::string& body : {good + "\n" + good + "\n" + bad, good + "\n" + turned + "\n" + bad + "\n" + good}) {
      CAPTURE(body);
      REQUIRE(plain.of(body) == careful.of(body));
    }
  }
}

TEST_CASE("what stands where a known object has its values is still read, and refused when it is no value") {
  const StreamSpec stream = api_stream();
  Reading plain(stream, true), careful(stream, false);
  const auto record = [](const std::string& first, const std::string& second) {
    return R"({"ts":1767225600000,"status":200,"endpoint":"/a","features":{"a":)" + first + R"(,"b":[)" + second +
           "]}}\n";
  };
  for (const char* const value : {"",
                                  "01",
                                  "-",
                                  "1e",
                                  "tru",
                                  "nulll",
                                  "\"\xc3\"",
                                  "\"\xed\xa0\x80\"",
                                  "\"a\tb\"",
                                  "\"a",
                                  "{",
                                  "}",
                                  "]",
                                  "1 2",
                                  "1,2",
                                  "{\"c\":1}",
                                  "[]",
                                  " 7 ",
                                  "1e999",
                                  "\"\\u00e9\"",
                                  "\"\xc3\xa9\"",
                                  "-0.5e-3",
                                  "true",
                                  "null"}) {
    const std::string body =
        record("1", "\"x\"") + record("2", "\"y\"") + record(value, "3") + record("4", value) + record("5", "null");
    CAPTURE(body);
    REQUIRE(plain.of(body) == careful.of(body));
  }
}

TEST_CASE("numbers of every length around a point are read to the bits simdjson reads") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  const StreamSpec stream = wide_stream();
  Maker maker(seed);
  Reading plain(stream, true), careful(stream, false);
  const auto digits = [&maker](std::size_t n) {
    std::string out;
    for (; n > 0; --n) out += static_cast<char>('0' + maker.below(10));
    return out;
  };
  std::string body;
  for (std::size_t whole = 1; whole <= 20; ++whole)
    for (std::size_t part = 0; part <= 20; ++part)
      for (const char* const sign : {"", "-"})
        body += "{\"ts\":" + digits(13) + ",\"endpoint\":\"/" + digits(part) + "\",\"status\":" + sign + digits(whole) +
                ",\"latency_ms\":" + sign + digits(whole) + (part ? "." + digits(part) : "") + "}\n";
  CAPTURE(body);
  REQUIRE(plain.of(body) == careful.of(body));
}

TEST_CASE("elements of a JSON array are read to the bits simdjson reads") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  const StreamSpec stream = wide_stream();
  Maker maker(seed);
  Reading plain(stream, true), careful(stream, false);
  for (int round = 0; round < 200; ++round) {
    std::string body = "[";
    for (std::size_t i = maker.below(6); i > 0; --i) body += maker.record(stream) + ",\n";
    body += maker.record(stream) + "]";
    CAPTURE(round, body);
    REQUIRE(plain.of(body, true) == careful.of(body, true));
  }
}

TEST_CASE("ordinary records are plain, and what is not plain is declined") {
  const StreamSpec stream = api_stream();
  const auto accepts = [&](std::string record) {
    RowBuilder builder(stream);
    builder.begin_body(0);
    builder.begin_row();
    std::vector<LearntKey> keys;
    for (std::size_t c = 0; c < stream.schema.columns.size(); ++c)
      keys.emplace_back(stream.schema.columns[c].name, static_cast<int>(c));
    keys.emplace_back("features", -1);
    const std::size_t size = record.size();
    record.append(PlainRecord::padding, ' ');
    return PlainRecord().read(std::string_view(record).substr(0, size), keys, builder);
  };
  const std::string head = R"({"ts":1767225600000,"endpoint":"/score","status":200,)";
  CHECK(accepts(head + R"("latency_ms":13.25,"ok":true,"note":"fine","features":{"a":[1,2.5e3,null],"b":{}}})"));
  CHECK(accepts(head + R"( "latency_ms" : null , "note" : "é 日本 😀" } )"));
  CHECK(accepts(R"({"status":-7,"endpoint":"","ts":"2026-01-01T00:00:00Z"})"));
  CHECK(accepts(head + R"("latency_ms":4.9406564584124654e-324})"));
  CHECK_FALSE(accepts(head + R"("note":"a\nb"})"));
  CHECK_FALSE(accepts(head + R"("unheard_of":1})"));
  CHECK_FALSE(accepts(R"({"ts":1767225600000,"endpoint":null,"status":200})"));
  CHECK_FALSE(accepts(R"({"ts":1767225600000,"endpoint":"/score","status":200.0})"));
  CHECK_FALSE(accepts(head + R"("latency_ms":1e999})"));
  CHECK_FALSE(accepts(head + R"("latency_ms":01})"));
  CHECK_FALSE(accepts(head + "\"note\":\"\xc3\"}"));
  CHECK_FALSE(accepts(head + "\"note\":\"\xed\xa0\x80\"}"));
  CHECK_FALSE(accepts(head + "\"note\":\"a\tb\"}"));
  CHECK_FALSE(accepts(head + R"("ok":true}})"));
  CHECK_FALSE(accepts(head + R"("ok":true,})"));
  CHECK_FALSE(accepts(head + R"("ok":true)"));
  CHECK_FALSE(accepts("{}x"));
}
