// The corpus of requests two servers could read differently: each is refused with its status, whole or byte by byte.
#include "io/http_parse.h"

#include <catch2/catch.hpp>

#include "io/gzip.h"

using namespace tidewatch;

namespace {

int status_of(const std::string& bytes, std::size_t piece) {
  HttpParser parser({1024, 64});
  for (std::size_t i = 0; i < bytes.size(); i += piece) parser.feed(std::string_view(bytes).substr(i, piece));
  if (parser.state() == HttpParser::State::failed) return parser.status();
  return parser.state() == HttpParser::State::done ? 200 : 0;
}

}  // namespace

TEST_CASE("malformed requests are refused with the status that says why") {
  const std::string host = "Host: a\r\n";
  const std::vector<std::pair<std::string, int>> corpus = {
      {"GET / HTTP/1.1\r\n" + host + "\r\n", 200},
      {"\r\nGET / HTTP/1.1\r\n" + host + "\r\n", 200},
      {"GET / HTTP/1.0\r\n\r\n", 200},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", 200},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + host + "\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "X: a\rb\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "X : a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + ": a\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"G@T / HTTP/1.1 x\r\n" + host + "\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3x\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 65\r\n\r\n", 413},
      {"GET / HTTP/1.1\r\n" + host + "X: " + std::string(1100, 'a') + "\r\n\r\n", 431},
      {std::string("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 33), 400},
      {"GET / HTTP/1.1\r\n" + host, 0},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nab", 0},
  };
  for (const auto& [bytes, status] : corpus)
    for (const std::size_t piece : {bytes.size(), std::size_t{1}, std::size_t{7}}) {
      INFO(bytes << " in pieces of " << piece);
      CHECK(status_of(bytes, piece) == status);
    }
}

TEST_CASE("pipelined requests come out in order with decoded paths and parameters") {
  HttpParser parser({1024, 64});
  parser.feed(
      "GET /a%20b?x=1%2B1&y=a+b HTTP/1.1\r\nHost: h\r\nX-Y: Z\r\n\r\nPOST /c HTTP/1.1\r\nHost: h\r\nContent-Length: "
      "2\r\n\r\nhi");
  REQUIRE(parser.state() == HttpParser::State::done);
  const auto first = parser.take();
  CHECK(first.path == "/a b");
  CHECK(first.parameter("x").value_or("") == "1+1");
  CHECK(first.parameter("y").value_or("") == "a b");
  CHECK(first.header("x-y") == "Z");
  REQUIRE(parser.state() == HttpParser::State::done);
  const auto second = parser.take();
  CHECK(second.method == "POST");
  CHECK(second.body == "hi");
  CHECK(parser.state() == HttpParser::State::idle);
}

TEST_CASE("gzip bodies unfold up to the limit and damage is an error") {
  const std::string text(100'000, 'x');
  const std::string packed = gzip(text);
  CHECK(packed.size() < 1000);
  CHECK(gunzip(packed, 100'000).value() == text);
  CHECK(gunzip(packed + gzip("tail"), 200'000).value() == text + "tail");
  CHECK(gunzip(packed, 99'999).error().code == ErrorCode::full);
  CHECK_FALSE(gunzip(packed.substr(0, packed.size() - 3), 200'000));
  CHECK_FALSE(gunzip("not gzip at all", 100));
}
