// Answers of receivers, however they are cut and whatever they hold. Each table row states what it means; every split
// of it must mean the same.
#include "io/http_answer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

using namespace tidewatch;

namespace {

using State = HttpAnswerParser::State;

const Instant now = *parse_instant("1994-11-06T08:49:00Z");

struct Case {
  std::string bytes;
  State state;
  int status;
  bool is_kept;
};

const std::string head = "HTTP/1.1 200 OK\r\n";
const std::string long_line(20'000, 'x');
std::string many_fields(int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += "x-" + std::to_string(i) + ": 1\r\n";
  return out;
}

// Before the connection ends.
const std::vector<Case> cases = {
    {head + "Content-Length: 0\r\n\r\n", State::done, 200, true},
    {head + "content-length:2\r\n\r\nok", State::done, 200, true},
    {head + "Content-Length: 3\r\n\r\nok", State::body, 200, true},
    {"HTTP/1.1 204 No Content\r\n\r\n", State::done, 204, true},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", State::done, 304, true},
    {"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n", State::done, 500, true},
    {"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", State::done, 302, true},
    {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", State::done, 200, false},
    {head + "Connection: close\r\nContent-Length: 0\r\n\r\n", State::done, 200, false},
    {head + "Connection: x, Close\r\nContent-Length: 0\r\n\r\n", State::done, 200, false},
    {head + "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n", State::done, 200, true},
    {head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", State::done, 200, true},
    {head + "Transfer-Encoding: Chunked\r\n\r\n2;a=b\r\nok\r\n1\r\n!\r\n0\r\nx-y: z\r\n\r\n", State::done, 200, true},
    {head + "Transfer-Encoding: chunked\r\n\r\n2\r\nokk\r\n0\r\n\r\n", State::failed, 200, false},
    {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", State::failed, 200, false},
    {head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", State::failed, 200, false},
    {head + "Transfer-Encoding: chunked\r\n\r\n" + long_line, State::failed, 200, false},
    {head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", State::body, 200, true},
    // A coding we do not read, or both: the status is there, where it ends is not known.
    {head + "Transfer-Encoding: gzip, chunked\r\n\r\n", State::done, 200, false},
    {head + "Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n", State::done, 200, false},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", State::done, 200, false},
    {head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", State::done, 200, false},
    {head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", State::failed, 200, false},
    {head + "Content-Length: -2\r\n\r\n", State::failed, 200, false},
    {head + "Content-Length: 99999999999999999999\r\n\r\n", State::failed, 200, false},
    // Up to the close; beyond the limit the status counts.
    {head + "\r\nbody", State::body, 200, false},
    {head + "\r\n" + std::string(70'000, 'b'), State::done, 200, false},
    {head + "Content-Length: 70000\r\n\r\nb", State::done, 200, false},
    {head + "Transfer-Encoding: chunked\r\n\r\n11170\r\n" + std::string(70'000, 'b'), State::done, 200, false},
    // Liberal: bare line feeds. Not kept.
    {"HTTP/1.1 202 Accepted\nContent-Length: 0\n\n", State::done, 202, false},
    // Bytes behind the end.
    {head + "Content-Length: 0\r\n\r\nHTTP/1.1 500 No\r\n", State::done, 200, false},
    // Before the answer.
    {"HTTP/1.1 100 Continue\r\n\r\n" + head + "Content-Length: 0\r\n\r\n", State::done, 200, true},
    {"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + head + "Content-Length: 0\r\n\r\n", State::done, 200, true},
    {"HTTP/1.1 101 Switching\r\n\r\n", State::failed, 101, false},
    // What is no answer.
    {"hello\r\n", State::failed, 0, false},
    {"SSH-2.0-OpenSSH_9.2\r\n", State::failed, 0, false},
    {"\x15\x03\x01", State::failed, 0, false},
    {"HTTP/2 200\r\n", State::failed, 0, false},
    {"HTTP/1.1 20 OK\r\n", State::failed, 0, false},
    {"HTTP/1.1 2000 OK\r\n", State::failed, 0, false},
    {"HTTP/1.1 099 OK\r\n", State::failed, 0, false},
    {"HTTP/1.1  200 OK\r\n", State::failed, 0, false},
    {head + "no colon\r\n", State::failed, 200, false},
    {head + "a : b\r\n", State::failed, 200, false},
    {head + " folded: b\r\n", State::failed, 200, false},
    {head + std::string("a: \0\r\n", 6), State::failed, 200, false},
    {head + "a: " + long_line, State::failed, 200, false},
    {head + many_fields(100) + "Content-Length: 0\r\n\r\n", State::failed, 200, false},
    {head + many_fields(99) + "Content-Length: 0\r\n\r\n", State::done, 200, true},
    {"", State::head, 0, true},
    {"HTT", State::head, 0, true},
    {head, State::head, 200, true},
};

std::string all_of(const HttpAnswerParser& p) {
  return std::to_string(static_cast<int>(p.state())) + " " + std::to_string(p.status()) + " " +
         std::to_string(p.is_kept()) + " " + std::to_string(p.retry_after().ns) + " " + p.problem();
}

}  // namespace

TEST_CASE("an answer means what its table says, and the same however it is cut") {
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const Case& c : cases) {
    CAPTURE(c.bytes.substr(0, 200));
    HttpAnswerParser whole;
    whole.feed(c.bytes, now);
    CHECK(whole.state() == c.state);
    if (c.state == State::done) CHECK(whole.status() == c.status);
    CHECK(whole.is_kept() == (c.is_kept && c.state == State::done));
    CHECK(whole.has_begun() == !c.bytes.empty());
    CHECK((whole.state() == State::failed) == !whole.problem().empty());
    const auto read = [&](const std::vector<std::size_t>& cuts) {
      HttpAnswerParser p;
      std::size_t at = 0;
      for (const std::size_t cut : cuts) {
        p.feed(std::string_view(c.bytes).substr(at, cut - at), now);
        at = cut;
      }
      p.feed(std::string_view(c.bytes).substr(at), now);
      return p;
    };
    for (std::size_t cut = 0; cut <= std::min<std::size_t>(c.bytes.size(), 300); ++cut) {
      const auto p = read({cut});
      INFO("cut at " << cut);
      REQUIRE(p.state() == c.state);
      if (c.state == State::done) REQUIRE(all_of(p) == all_of(whole));
    }
    for (int i = 0; i < 20; ++i) {
      std::vector<std::size_t> cuts;
      for (int k = 0; k < 8; ++k) cuts.push_back(random() % (c.bytes.size() + 1));
      std::sort(cuts.begin(), cuts.end());
      const auto p = read(cuts);
      REQUIRE(p.state() == c.state);
      if (c.state == State::done) REQUIRE(all_of(p) == all_of(whole));
    }
  }
}

TEST_CASE("the end of the connection ends a body without a length, and fails what is not whole") {
  for (const Case& c : cases) {
    CAPTURE(c.bytes.substr(0, 200));
    HttpAnswerParser p;
    p.feed(c.bytes, now);
    const State before = p.state();
    p.close();
    CHECK_FALSE(p.is_kept());
    if (before == State::done || before == State::failed) {
      CHECK(p.state() == before);
    } else {
      CHECK(p.state() == (c.bytes == head + "\r\nbody" ? State::done : State::failed));
      if (p.state() == State::failed)
        CHECK(p.problem().find(c.bytes.empty() ? "without an answer" : "in the middle") != std::string::npos);
    }
  }
}

TEST_CASE("a parser that is reset reads the next answer as a new one does") {
  for (const Case& first : cases) {
    HttpAnswerParser p;
    p.feed(first.bytes, now);
    p.reset();
    for (const Case& c : {cases[0], cases[11], cases[3]}) {
      p.feed(c.bytes, now);
      HttpAnswerParser fresh;
      fresh.feed(c.bytes, now);
      CHECK(all_of(p) == all_of(fresh));
      p.reset();
    }
  }
}

TEST_CASE("a receiver that only ever sends 1xx is given up, and memory is bounded whatever comes") {
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  HttpAnswerParser p;
  for (int i = 0; i < 9; ++i) p.feed("HTTP/1.1 100 Continue\r\n\r\n", now);
  CHECK(p.state() == State::failed);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = cases[random() % cases.size()].bytes;
    for (int i = 0; i < 4 && !bytes.empty(); ++i) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, random() % 8);
          break;
        default:
          bytes.insert(at, 1, "\r\n: 0"[random() % 5]);
      }
      if (bytes.empty()) break;
    }
    HttpAnswerParser q;
    q.feed(bytes, now);
    q.close();
    REQUIRE((q.state() == State::done || q.state() == State::failed));
    if (q.state() == State::done) REQUIRE((q.status() >= 200 && q.status() <= 999));
  }
}

TEST_CASE("Retry-After is seconds or a date") {
  CHECK(read_retry_after("120", now) == seconds(120));
  CHECK(read_retry_after("0", now) == Duration{0});
  CHECK(read_retry_after("999999999999", now) == hours(24));
  CHECK(read_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now) == seconds(37));
  CHECK(read_retry_after("Sun, 06 Nov 1994 08:48:00 GMT", now) == Duration{0});
  CHECK(read_retry_after("Sun, 06 Nov 2094 08:49:37 GMT", now) == hours(24));
  for (const char* no : {"", "-1", "soon", "1.5", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Abc 1994 08:49:37 GMT",
                         "Sun, 99 Nov 1994 08:49:37 GMT"})
    CHECK(read_retry_after(no, now) == Duration{0});
}
