// Our parser beside another one (Boost.Beast): whatever ours takes, the other takes too, with the same method, target
// and body. Ours may refuse more; where the two read one request differently, somebody could be smuggled past a proxy.
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <catch2/catch.hpp>

#include "tests/unit/io/http_corpus.h"

using namespace tidewatch;

namespace {

namespace http = boost::beast::http;

// "METHOD TARGET|BODY" of the first request, or "" when it is refused or not whole.
std::string other_reading(std::string bytes) {
  // It does not know the empty line that RFC 9112 (2.2) lets a server skip.
  if (bytes.compare(0, 2, "\r\n") == 0) bytes.erase(0, 2);
  http::request_parser<http::string_body> parser;
  parser.eager(true);
  parser.body_limit(1 << 20);
  std::size_t used = 0;
  while (!parser.is_done()) {
    boost::beast::error_code error;
    const std::size_t taken = parser.put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), error);
    used += taken;
    if (error && error != http::error::need_more) return "";
    if (taken == 0) return "";
  }
  const auto& m = parser.get();
  return std::string(m.method_string()) + " " + std::string(m.target()) + "|" + m.body();
}

std::string our_reading(const std::string& bytes) {
  const HttpLimits limits = corpus_limits();
  HttpParser parser(limits);
  parser.feed(bytes);
  if (parser.state() != HttpParser::State::done) return "";
  const auto r = parser.take();
  return r.method + " " + r.target + "|" + r.body;
}

}  // namespace

TEST_CASE("what our parser takes another parser reads alike") {
  const unsigned seed = 20260107;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto corpus = http_corpus();
  int taken = 0;
  const auto compare = [&](const std::string& bytes) {
    const std::string ours = our_reading(bytes);
    if (ours.empty()) return;
    ++taken;
    INFO(bytes);
    REQUIRE(other_reading(bytes) == ours);
  };
  for (const auto& [bytes, status] : corpus) compare(bytes);
  const std::string marks =
      "\r\n \t:;,%/?\x80"
      "019afA-+*";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = corpus[random() % corpus.size()].first;
    if (bytes.empty() || bytes.size() > 600) continue;
    const std::size_t at = random() % bytes.size();
    switch (random() % 3) {
      case 0:
        bytes[at] = marks[random() % marks.size()];
        break;
      case 1:
        bytes.erase(at, 1 + random() % 3);
        break;
      default:
        bytes.insert(at, 1, marks[random() % marks.size()]);
        break;
    }
    compare(bytes);
  }
  CHECK(taken > 1000);
}
