// Bodies to batches: values, nulls, reasons, facts. What must hold throughout: received = rows + rejected, and a bad
// row costs nobody else.
#include <catch2/catch.hpp>

#include <cmath>

#include "records/decode_time.h"
#include "streams.h"

using namespace tidewatch;
using namespace tidewatch::testing;

namespace {

std::string reasons(const Batch& batch) {
  std::string out;
  for (const auto& [reason, count] : batch.rejected_counts) out += reason + "=" + std::to_string(count) + " ";
  return out;
}

std::string facts(const Batch& batch) {
  std::string out;
  for (const SchemaFact& fact : batch.facts) {
    out += fact.what + "(" + fact.column + ": " + fact.detail + ")x" + std::to_string(fact.rows) + " ";
  }
  return out;
}

constexpr std::int64_t march_2 = 1772488800'000'000'000;  // date -u -d '2026-03-02 22:00' +%s

}  // namespace

TEST_CASE("NDJSON records become columns") {
  const Batch batch = decoded(
      api_stream(),
      R"({"ts":"2026-03-02T22:00:00Z","endpoint":"/score","status":200,"latency_ms":12.5,"ok":true,"note":"a \"b\" \u00e9"}
{"status":500.0,"ts":1772488801,"endpoint":"/health","latency_ms":null}

{"ts":1772488802500,"endpoint":"/score","status":201,"latency_ms":7,"ok":false,"note":""})");
  REQUIRE(batch.rows == 3);
  CHECK(batch.received == 3);
  CHECK(batch.rejected.empty());
  CHECK(batch.columns[0].integers ==
        std::vector<std::int64_t>{march_2, march_2 + 1'000'000'000, march_2 + 2'500'000'000});
  CHECK(batch.columns[1].codes == std::vector<std::uint32_t>{0, 1, 0});
  CHECK(batch.columns[1].dictionary.size() == 2);
  CHECK(batch.columns[2].integers == std::vector<std::int64_t>{200, 500, 201});
  CHECK(batch.columns[3].null == std::vector<std::uint8_t>{0, 1, 0});
  CHECK(batch.columns[3].numbers[0] == 12.5);
  CHECK(batch.columns[4].integers == std::vector<std::int64_t>{1, 0, 0});
  CHECK(batch.columns[4].null == std::vector<std::uint8_t>{0, 1, 0});
  CHECK(batch.columns[5].text(0) == "a \"b\" \xC3\xA9");
  CHECK(batch.columns[5].text(2) == "");
  CHECK(batch.columns[5].null == std::vector<std::uint8_t>{0, 1, 0});
  CHECK(facts(batch) == "");
}

TEST_CASE("exactly the bad lines are rejected, each with its reason and line") {
  const std::string good = R"({"ts":1772488800,"endpoint":"/a","status":1})";
  const std::vector<std::pair<std::string, std::string>> bad = {
      {R"({"ts":1772488800,"endpoint":"/a","status":1)", "bad_json"},
      {R"({"ts":1772488800,"endpoint":"/a","status":1}})", "bad_json"},
      {R"({"ts":1772488800,"endpoint":"/a","status":1} x)", "bad_json"},
      {R"({"ts":1772488800,"endpoint":"/a","status":01})", "bad_json"},
      {R"([1,2])", "bad_json"},
      {R"("text")", "bad_json"},
      {R"({"ts":1772488800 "endpoint":"/a","status":1})", "bad_json"},
      {R"({"ts":1772488800,"endpoint":"/a","status":1,"more":tru})", "bad_json"},
      {R"({"ts":1772488800,"endpoint":"/a","status":1,"more":{"a":[1,}})", "bad_json"},
      {"{\"ts\":1772488800,\"endpoint\":\"\xff\",\"status\":1}", "bad_utf8"},
      {R"({"ts":1772488800,"endpoint":"/a"})", "missing_column"},
      {R"({"ts":1772488800,"endpoint":"/a","status":"1"})", "wrong_type"},
      {R"({"ts":1772488800,"endpoint":"/a","status":1.5})", "wrong_type"},
      {R"({"ts":1772488800,"endpoint":"/a","status":null})", "wrong_type"},
      {R"({"ts":1772488800,"endpoint":3,"status":1})", "wrong_type"},
      {R"({"ts":1772488800,"endpoint":"/a","status":1,"latency_ms":"7"})", "wrong_type"},
      {R"({"ts":1772488800,"endpoint":"/a","status":1,"ok":0})", "wrong_type"},
      {R"({"ts":"yesterday","endpoint":"/a","status":1})", "bad_time"},
      {R"({"ts":"2026-02-30","endpoint":"/a","status":1})", "bad_time"},
      {R"({"ts":1e300,"endpoint":"/a","status":1})", "bad_time"},
  };
  for (const auto& [text, reason] : bad) {
    INFO(text);
    const Batch batch = decoded(api_stream(), good + "\n" + text + "\r\n" + good + "\n");
    CHECK(batch.rows == 2);
    CHECK(batch.received == 3);
    REQUIRE(batch.rejected.size() == 1);
    CHECK(batch.rejected[0].reason == reason);
    CHECK(batch.rejected[0].line == 2);
    CHECK(batch.rejected[0].record == text);
    CHECK_FALSE(batch.rejected[0].detail.empty());
    // The same records as one array body.
    if (reason == "bad_json" || reason == "bad_utf8") continue;
    const Batch array = decoded(api_stream(), "[" + good + ",\n" + text + ",\n" + good + "]", BodyFormat::json_array);
    CHECK(array.rows == 2);
    REQUIRE(array.rejected.size() == 1);
    CHECK(array.rejected[0].reason == reason);
    CHECK(array.rejected[0].line == 2);
  }
}

TEST_CASE("counts of rejected rows are exact where only a hundred are kept, and records are cut") {
  std::string body;
  for (int i = 0; i < 250; ++i) body += "{\"ts\":\"" + std::string(2000, 'x') + "\"}\n";
  const Batch batch = decoded(api_stream(), body);
  CHECK(batch.rejected.size() == 100);
  CHECK(batch.rejected[0].record.size() == 1024);
  CHECK(reasons(batch) == "bad_time=250 ");
  CHECK(batch.received == 250);
}

TEST_CASE("schema differences are stated as facts") {
  const Batch batch = decoded(api_stream(),
                              R"({"ts":1,"endpoint":"/a","status":1,"region":"eu","extra":{"a":[1,"x",null,{"b":true}]}}
{"ts":1,"endpoint":"/a","status":"x","region":"eu"}
{"ts":1,"status":1}
{"ts":1,"endpoint":null,"status":1})");
  CHECK(batch.rows == 1);
  CHECK(facts(batch) ==
        "added(extra: not in the schema)x1 added(region: not in the schema)x2 "
        "nullable(endpoint: expected category, got null)x1 removed(endpoint: expected category, got nothing)x1 "
        "retyped(status: expected integer, got string)x1 ");
}

TEST_CASE("a key may be written with escapes, repeated or reordered") {
  const Batch batch = decoded(api_stream(),
                              "{\"ts\":1,\"end\\u0070oint\":\"/a\",\"status\":1,\"status\":2}\n"
                              "{\"status\":3,\"endpoint\":\"/a\",\"ts\":2}\n");
  REQUIRE(batch.rows == 2);
  CHECK(batch.columns[2].integers == std::vector<std::int64_t>{2, 3});
  CHECK(facts(batch) == "");
}

TEST_CASE("a JSON array's broken ends are rejected, not lost") {
  const std::string good = R"({"ts":1,"endpoint":"/a,]}","status":1})";
  const auto counts = [&](const std::string& body) {
    const Batch batch = decoded(api_stream(), body, BodyFormat::json_array);
    return std::to_string(batch.rows) + " " + reasons(batch);
  };
  CHECK(counts("[]") == "0 ");
  CHECK(counts("  [ ] ") == "0 ");
  CHECK(counts("[" + good + "," + good + "]") == "2 ");
  CHECK(counts("[" + good + "," + good) == "1 bad_json=1 ");
  CHECK(counts("[" + good + "] trailing") == "1 bad_json=1 ");
  CHECK(counts("[" + good + ",]") == "1 bad_json=1 ");
  CHECK(counts("[" + good + ",," + good + "]") == "2 bad_json=1 ");
  CHECK(counts(good) == "1 ");
  CHECK(counts("nonsense") == "0 bad_json=1 ");
}

TEST_CASE("a decoder used again starts every body afresh") {
  auto decoder = Decoder::create(api_stream());
  REQUIRE(decoder);
  for (int round = 0; round < 3; ++round) {
    std::string body;
    for (int i = 0; i < 500; ++i) {
      body += "{\"ts\":1,\"endpoint\":\"/" + std::to_string((i * 7 + round) % 200) + "\",\"status\":1,\"x\":1}\n";
    }
    const auto batch = decoder->decode(body, BodyFormat::ndjson);
    REQUIRE(batch);
    CHECK(batch->rows == 500);
    CHECK(batch->columns[1].dictionary.size() == 200);
    for (std::size_t i = 0; i < 500; ++i) {
      REQUIRE(batch->columns[1].text(i) == "/" + std::to_string((i * 7 + static_cast<std::size_t>(round)) % 200));
    }
    CHECK(facts(*batch) == "added(x: not in the schema)x500 ");
  }
}

TEST_CASE("CSV after RFC 4180: quotes, line ends, nulls, order") {
  const Batch batch = decoded(api_stream(),
                              "\xEF\xBB\xBFstatus,ts,note,endpoint,region\r\n"
                              "200,2026-03-02T22:00:00Z,\"a, \"\"b\"\"\r\nc\",/score,eu\r\n"
                              "500, 1772488801,\"\",/score,\n"
                              "\n"
                              "501,2026-03-02 22:00:02,,\"/x\",eu",
                              BodyFormat::csv);
  REQUIRE(batch.rows == 3);
  CHECK(batch.columns[0].integers ==
        std::vector<std::int64_t>{march_2, march_2 + 1'000'000'000, march_2 + 2'000'000'000});
  CHECK(batch.columns[5].text(0) == "a, \"b\"\r\nc");
  CHECK(batch.columns[5].null == std::vector<std::uint8_t>{0, 0, 1});
  CHECK(batch.columns[1].text(2) == "/x");
  CHECK(batch.columns[3].null == std::vector<std::uint8_t>{1, 1, 1});
  CHECK(facts(batch) ==
        "added(region: not in the schema)x3 removed(latency_ms: expected number, got nothing)x3 "
        "removed(ok: expected boolean, got nothing)x3 reordered(: got status, ts, note, endpoint)x3 ");
}

TEST_CASE("a bad CSV row is rejected and the next one lands") {
  const std::string header = "ts,endpoint,status,latency_ms,ok,note\n";
  const std::string good = "1772488800,/a,1,2,true,n\n";
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"1772488800,/a,1,2,true", "bad_csv"},
      {"1772488800,/a,1,2,true,n,more", "bad_csv"},
      {"1772488800,/a\"b,1,2,true,n", "bad_csv"},
      {"1772488800,\"/a\"b,1,2,true,n", "bad_csv"},
      {"1772488800,\"/a,1,2,true,n", "bad_csv"},
      {"1772488800,/a,x,2,true,n", "wrong_type"},
      {"1772488800,/a,1.5,2,true,n", "wrong_type"},
      {"1772488800,/a,1,2x,true,n", "wrong_type"},
      {"1772488800,/a,1,2,yes,n", "wrong_type"},
      {"1772488800,,1,2,true,n", "wrong_type"},
      {"soon,/a,1,2,true,n", "bad_time"},
      {"1772488800,/\xff,1,2,true,n", "bad_utf8"},
      {"1772488800,/a,1,\"\",true,n", "wrong_type"},
  };
  for (const auto& [text, reason] : bad) {
    INFO(text);
    const Batch batch = decoded(api_stream(), header + good + text + "\r\n" + good, BodyFormat::csv);
    CHECK(batch.rows == 2);
    CHECK(batch.received == 3);
    REQUIRE(batch.rejected.size() == 1);
    CHECK(batch.rejected[0].reason == reason);
    CHECK(batch.rejected[0].line == 3);
    CHECK(batch.rejected[0].record == text);
  }
}

TEST_CASE("NaN and inf in CSV stay numbers; a column named twice is an error") {
  const Batch batch =
      decoded(api_stream(), "ts,endpoint,status,latency_ms\n1,/a,1,NaN\n1,/a,1,-inf\n1,/a,1,+2.5e3\n1,/a,2e2,1e-999\n",
              BodyFormat::csv);
  REQUIRE(batch.rows == 4);
  CHECK(std::isnan(batch.columns[3].numbers[0]));
  CHECK(batch.columns[3].numbers[1] == -INFINITY);
  CHECK(batch.columns[3].numbers[2] == 2500);
  CHECK(batch.columns[3].numbers[3] == 0);
  CHECK(batch.columns[2].integers[3] == 200);
  CHECK(batch.columns[3].null == std::vector<std::uint8_t>{0, 0, 0, 0});
  auto decoder = Decoder::create(api_stream());
  const auto twice = decoder->decode("ts,status,ts\n", BodyFormat::csv);
  REQUIRE_FALSE(twice);
  CHECK(twice.error().text == "reading a CSV header: column \"ts\" is there twice");
}

TEST_CASE("a quoted line end counts as a line for the rows after it") {
  const Batch batch =
      decoded(api_stream(), "ts,endpoint,status,note\n1,/a,1,\"x\ny\nz\"\n1,/a,bad,\n", BodyFormat::csv);
  REQUIRE(batch.rejected.size() == 1);
  CHECK(batch.rejected[0].line == 5);
}

TEST_CASE("the hand parser of times agrees with the general one") {
  std::mt19937_64 random(4);
  INFO("seed 4");
  for (int i = 0; i < 20000; ++i) {
    const std::int64_t second = static_cast<std::int64_t>(random() % 8'000'000'000ull) - 4'000'000'000;
    const std::int64_t fraction = i % 3 == 0 ? 0 : static_cast<std::int64_t>(random() % 1'000'000'000);
    const Instant at{second * 1'000'000'000 + fraction};
    const std::string text = format_instant(at);
    std::int64_t ns = 0;
    REQUIRE(parse_event_time(text, "UTC", ns));
    REQUIRE(ns == at.ns);
  }
  const std::vector<std::string> texts = {"2004-01-05",
                                          "2004-01-05 10:11:12",
                                          "2004-01-05T10:11:12.5",
                                          "2004-02-29T00:00:00+05:30",
                                          "1900-02-28",
                                          "2000-02-29T23:59:59-01:00",
                                          "2004-01-05T10:11",
                                          "2026-03-08 02:30:00",
                                          "2004-01-05T10:11:12+18:59",
                                          "2004-01-05T10:11:12+19:00",
                                          "2004-01-05T10:11:12-23:00"};
  for (const std::string& text : texts) {
    for (const std::string zone : {"UTC", "America/New_York"}) {
      INFO(text + " " + zone);
      const auto slow = parse_instant(text, zone);
      std::int64_t ns = 0;
      REQUIRE(parse_event_time(text, zone, ns) == slow.ok());
      if (slow) CHECK(ns == slow->ns);
    }
  }
  for (const std::string text :
       {"", "2004", "2003-02-29", "2004-13-01", "2004-01-05T25:00:00Z", "2004-01-05T10:11:12Zx"}) {
    INFO(text);
    std::int64_t ns = 0;
    CHECK_FALSE(parse_event_time(text, "UTC", ns));
  }
}

TEST_CASE("epoch numbers from 1e11 upward are milliseconds") {
  std::int64_t ns = 0;
  CHECK((epoch_to_ns(std::int64_t{99'999'999'999}, ns) == false));
  CHECK((epoch_to_ns(std::int64_t{4'600'000'000}, ns) && ns == 4'600'000'000'000'000'000));
  CHECK_FALSE(epoch_to_ns(std::int64_t{4'700'000'000}, ns));  // past 2116 differences of instants could overflow
  CHECK((epoch_to_ns(std::int64_t{100'000'000'000}, ns) && ns == 100'000'000'000'000'000));
  CHECK((epoch_to_ns(1772488800.25, ns) && ns == march_2 + 250'000'000));
  CHECK((epoch_to_ns(1772488800000.5, ns) && ns == march_2 + 500'000));
  CHECK((epoch_to_ns(-1.5, ns) && ns == -1'500'000'000));
  CHECK_FALSE(epoch_to_ns(1e300, ns));
  CHECK_FALSE(epoch_to_ns(std::nan(""), ns));
}

TEST_CASE("derived columns are computed once, one from another, nulls kept") {
  StreamSpec stream = api_stream();
  stream.derived = {{"seconds", "latency_ms / 1000"}, {"slow", "seconds > 1"}, {"cost", "coalesce(seconds, 0) * 2"}};
  const Batch batch = decoded(stream,
                              R"({"ts":1,"endpoint":"/a","status":1,"latency_ms":1500}
{"ts":1,"endpoint":"/a","status":1})");
  REQUIRE(batch.columns.size() == 9);
  CHECK(batch.columns[6].numbers[0] == 1.5);
  CHECK(batch.columns[6].null == std::vector<std::uint8_t>{0, 1});
  CHECK(batch.columns[7].numbers[0] == 1);
  CHECK(batch.columns[7].null == std::vector<std::uint8_t>{0, 1});
  CHECK(batch.columns[8].numbers == std::vector<double>{3, 0});
  stream.derived = {{"late", "speed + 1"}, {"speed", "latency_ms"}};
  const auto wrong = Decoder::create(stream);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().text == "derived column \"late\": unknown column \"speed\"\n   speed + 1\n   ^^^^^");
}
