// Requests two servers could read differently are refused with their status; what is served has one reading, whole or
// byte by byte, alone or behind others.
#include "io/http_parse.h"

#include <catch2/catch.hpp>

#include "tests/unit/io/http_corpus.h"

using namespace tidewatch;

namespace {

// Everything a stream of bytes came to: one text a request, and the refusal at its end.
std::string reading_of(const std::string& bytes, const std::vector<std::size_t>& cuts, const HttpLimits& limits) {
  HttpParser parser(limits);
  std::string out;
  const auto collect = [&] {
    while (parser.state() == HttpParser::State::done) {
      const HttpRequest r = parser.take();
      out += r.method + " " + r.path;
      for (const auto& [name, value] : r.query) out += " " + name + "=" + value;
      for (const auto& [name, value] : r.headers) out += "|" + name + ":" + value;
      out += "|" + r.body + (r.keep_alive ? "|keep\n" : "|close\n");
      parser.go_on();
    }
  };
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    parser.feed(std::string_view(bytes).substr(from, cut - from));
    collect();
    from = cut;
  }
  parser.feed(std::string_view(bytes).substr(from));
  collect();
  const auto state = parser.state();
  if (state == HttpParser::State::failed)
    return out + std::to_string(parser.problem().status) + " " + parser.problem().text;
  return out + (state == HttpParser::State::idle ? "idle" : state == HttpParser::State::header ? "header" : "body");
}

int status_of(const std::string& bytes) {
  const HttpLimits limits = corpus_limits();
  HttpParser parser(limits);
  parser.feed(bytes);
  if (parser.state() == HttpParser::State::failed) return parser.problem().status;
  return parser.state() == HttpParser::State::done ? 200 : 0;
}

}  // namespace

TEST_CASE("every malformed request is refused with the status that says why, and every good one is read") {
  for (const auto& [bytes, status] : http_corpus()) {
    INFO(bytes.substr(0, 300));
    CHECK(status_of(bytes) == status);
  }
}

TEST_CASE("any split of the bytes into reads gives the same requests and the same refusal") {
  std::mt19937 random(20260105);
  const HttpLimits limits = corpus_limits();
  for (const auto& [first, status] : http_corpus()) {
    // Behind a good request and before another: a refusal must not let the second one through.
    const std::string good = "GET /first?a=1 HTTP/1.1\r\nHost: h\r\n\r\n";
    for (const std::string& bytes : {first, good + first + good}) {
      const std::string whole = reading_of(bytes, {}, limits);
      INFO(bytes.substr(0, 300));
      std::vector<std::size_t> all;
      for (std::size_t i = 1; i < bytes.size(); ++i) all.push_back(i);
      REQUIRE(reading_of(bytes, all, limits) == whole);
      for (int i = 0; i < 20; ++i) {
        std::vector<std::size_t> cuts;
        for (const std::size_t at : all)
          if (random() % 9 == 0) cuts.push_back(at);
        REQUIRE(reading_of(bytes, cuts, limits) == whole);
      }
    }
  }
}

TEST_CASE("behind a refused request nothing is read") {
  const HttpLimits limits = corpus_limits();
  for (const auto& [bytes, status] : http_corpus()) {
    if (status == 200 || status == 0) continue;
    INFO(bytes.substr(0, 300));
    const auto reading = reading_of(bytes + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", {}, limits);
    CHECK(reading.find("/smuggled") == std::string::npos);
  }
}

TEST_CASE("mutated requests never crash, never hold more than the limits and read alike in any split") {
  const unsigned seed = 20260106;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const HttpLimits limits = corpus_limits();
  const auto corpus = http_corpus();
  const std::string marks =
      "\r\n \t:;,%/?\0\x80\x16"
      "019afA-+*";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = corpus[random() % corpus.size()].first + corpus[random() % corpus.size()].first;
    bytes.resize(std::min<std::size_t>(bytes.size(), 600));
    for (unsigned i = 0; i < 1 + random() % 4 && !bytes.empty(); ++i) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = marks[random() % marks.size()];
          break;
        case 1:
          bytes.erase(at, 1 + random() % 3);
          break;
        case 2:
          bytes.insert(at, 1, marks[random() % marks.size()]);
          break;
        default:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 12));
          break;
      }
    }
    std::vector<std::size_t> cuts;
    for (std::size_t i = 1; i < bytes.size(); ++i)
      if (random() % 5 == 0) cuts.push_back(i);
    INFO(bytes);
    REQUIRE(reading_of(bytes, cuts, limits) == reading_of(bytes, {}, limits));
    HttpParser parser(limits);
    for (std::size_t i = 0; i < bytes.size(); ++i) parser.feed(std::string_view(bytes).substr(i, 1));
    REQUIRE(parser.held() < 2 * (limits.header + limits.body) + 2 * bytes.size() + 200);
  }
}

TEST_CASE("pipelined requests come out in order with decoded paths and parameters") {
  const HttpLimits limits{1024, 1024, 100, 64};
  HttpParser parser(limits);
  parser.feed(
      "GET /a%20b?x=1%2B1&y=a+b HTTP/1.1\r\nHost: h\r\nX-Y: Z\r\n\r\nPOST /c HTTP/1.1\r\nHost: h\r\nContent-Length: "
      "2\r\n\r\nhi");
  REQUIRE(parser.state() == HttpParser::State::done);
  const auto first = parser.take();
  CHECK(first.path == "/a b");
  CHECK(first.parameter("x").value_or("") == "1+1");
  CHECK(first.parameter("y").value_or("") == "a b");
  CHECK(first.header("x-y") == "Z");
  parser.go_on();
  REQUIRE(parser.state() == HttpParser::State::done);
  const auto second = parser.take();
  CHECK(second.method == "POST");
  CHECK(second.body == "hi");
  CHECK(parser.state() == HttpParser::State::idle);
  CHECK(parser.held() < 64);
}

TEST_CASE("trailers never become headers") {
  const HttpLimits limits = corpus_limits();
  HttpParser parser(limits);
  parser.feed(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nAuthorization: Bearer "
      "x\r\nContent-Length: 9\r\n\r\n");
  REQUIRE(parser.state() == HttpParser::State::done);
  const auto request = parser.take();
  CHECK(request.body == "x");
  CHECK(request.header("authorization").empty());
  CHECK(request.header("content-length").empty());
}

TEST_CASE("an absolute target's authority stands in the place of Host") {
  const HttpLimits limits = corpus_limits();
  HttpParser parser(limits);
  parser.feed("GET http://real:80/x?y=1 HTTP/1.1\r\nHost: other\r\n\r\n");
  REQUIRE(parser.state() == HttpParser::State::done);
  const auto request = parser.take();
  CHECK(request.header("host") == "real:80");
  CHECK(request.path == "/x");
  CHECK(request.parameter("y").value_or("") == "1");
}

TEST_CASE("a judge that refuses a head is asked before the body, and nothing of the body is held") {
  struct Never : HttpHeadJudge {
    int asked = 0;
    bool accept(const HttpRequest& head, std::size_t&) override {
      ++asked;
      return head.path != "/no";
    }
  } judge;
  const HttpLimits limits = corpus_limits();
  HttpParser parser(limits, &judge);
  parser.feed("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n");
  CHECK(parser.state() == HttpParser::State::refused);
  CHECK(parser.has_body());
  CHECK(judge.asked == 1);
  HttpParser other(limits, &judge);
  other.feed("GET /no HTTP/1.1\r\nHost: a\r\n\r\nGET /yes HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(other.state() == HttpParser::State::refused);
  CHECK_FALSE(other.has_body());
  other.take();
  other.go_on();
  CHECK(other.state() == HttpParser::State::done);
  CHECK(other.take().path == "/yes");
}

TEST_CASE("100 Continue is wanted once, and only while the body has not come") {
  const HttpLimits limits = corpus_limits();
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
  HttpParser parser(limits);
  parser.feed(head);
  CHECK(parser.take_expects_continue());
  CHECK_FALSE(parser.take_expects_continue());
  parser.feed("ab");
  CHECK(parser.state() == HttpParser::State::done);
  HttpParser eager(limits);
  eager.feed(head + "a");
  CHECK_FALSE(eager.take_expects_continue());
}

TEST_CASE("an announced length is not believed: memory grows with what came") {
  const HttpLimits limits;
  HttpParser parser(limits);
  parser.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 33554432\r\n\r\nabc");
  CHECK(parser.state() == HttpParser::State::body);
  CHECK(parser.held() < 100'000);
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 31; ++i) parser.feed(piece);
  CHECK(parser.held() <= (32u << 20) + 1000);
}
