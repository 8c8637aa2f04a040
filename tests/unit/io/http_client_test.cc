// The client of webhooks against receivers that are not servers but scripts: each says byte by byte what it does. What
// the plain client makes of them is compared with what libcurl does; the timeouts are real and short.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <mutex>
#include <thread>

#include "io/curl_client.h"
#include "io/plain_client.h"

using namespace tidewatch;

namespace {

class Receiver;
using Serve = std::function<void(Receiver&, int socket, int connection)>;

// One thread a connection; connections are numbered from 1.
class Receiver {
 public:
  explicit Receiver(Serve serve) : serve_(std::move(serve)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0);
    REQUIRE(::listen(listener_, 64) == 0);
    socklen_t length = sizeof here;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &length);
    port = ntohs(here.sin_port);
    accepting_ = std::thread([this] {
      while (true) {
        const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) return;
        const std::lock_guard lock(mutex_);
        sockets_.push_back(socket);
        serving_.emplace_back([this, socket, number = static_cast<int>(sockets_.size())] {
          serve_(*this, socket, number);
          ::shutdown(socket, SHUT_RDWR);
        });
      }
    });
  }
  ~Receiver() {
    ::shutdown(listener_, SHUT_RDWR);
    ::close(listener_);
    accepting_.join();
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    for (auto& thread : serving_) thread.join();
    for (const int socket : sockets_) ::close(socket);
  }
  std::string url(const std::string& host = "127.0.0.1") const {
    return "http://" + host + ":" + std::to_string(port) + "/hook?a=b";
  }
  // Head and body of one request; "" when the sender is gone. Kept in requests().
  std::string read(int socket) {
    std::string in;
    char buffer[65536];
    while (true) {
      const auto end = in.find("\r\n\r\n");
      if (end != std::string::npos) {
        const auto at = in.find("Content-Length: ");
        const std::size_t whole = end + 4 + (at < end ? std::stoul(in.substr(at + 16)) : 0);
        if (in.size() >= whole) break;
      }
      const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
      if (n <= 0) return "";
      in.append(buffer, static_cast<std::size_t>(n));
    }
    const std::lock_guard lock(mutex_);
    requests_.push_back(in);
    return in;
  }
  static void write(int socket, const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const ssize_t n = ::send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }
  // Until the sender is gone.
  static void wait(int socket) {
    char buffer[4096];
    while (::recv(socket, buffer, sizeof buffer, 0) > 0) {
    }
  }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t connections() {
    const std::lock_guard lock(mutex_);
    return sockets_.size();
  }
  int port = 0;

 private:
  Serve serve_;
  int listener_ = -1;
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::thread> serving_;
  std::vector<std::string> requests_;
  std::thread accepting_;
};

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

// Every request of a connection gets the same.
Serve always(const std::string& answer) {
  return [answer](Receiver& r, int socket, int) {
    while (!r.read(socket).empty()) Receiver::write(socket, answer);
  };
}
// One request, these bytes, the end.
Serve once(const std::string& answer) {
  return [answer](Receiver& r, int socket, int) {
    r.read(socket);
    Receiver::write(socket, answer);
  };
}

template <typename Client>
void post(Client& client, const std::string& url, const std::string& body, Duration timeout,
          std::function<void(HttpReply)> then) {
  const std::vector<std::string> headers = {"Content-Type: application/json", "Idempotency-Key: k|1"};
  if constexpr (std::is_same_v<Client, PlainClient>) {
    const auto plain = read_plain_url(url);
    REQUIRE(plain);
    client.post(*plain, headers, body, timeout, std::move(then));
  } else {
    client.post(url, headers, body, timeout, std::move(then));
  }
}

template <typename Client>
HttpReply ask(Loop& loop, Client& client, const std::string& url, const std::string& body = "{}",
              Duration timeout = seconds(5)) {
  HttpReply got;
  bool is_there = false;
  post(client, url, body, timeout, [&](HttpReply reply) {
    REQUIRE_FALSE(is_there);
    got = std::move(reply);
    is_there = true;
  });
  for (int turn = 0; turn < 2000 && !is_there; ++turn) loop.run_for(milliseconds(10));
  REQUIRE(is_there);
  CHECK((got.status == 0) == !got.problem.empty());
  return got;
}

void turn(Loop& loop, int times = 20) {
  for (int i = 0; i < times; ++i) loop.run_for(milliseconds(2));
}

void reset(int socket) {
  const linger now{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

TEST_CASE("a request is written as it says here, to the byte") {
  Receiver receiver(always(ok));
  Loop loop;
  PlainClient client(loop);
  CHECK(ask(loop, client, receiver.url(), "{\"a\":1}").status == 200);
  REQUIRE(receiver.requests().size() == 1);
  CHECK(receiver.requests()[0] == "POST /hook?a=b HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(receiver.port) +
                                      "\r\nUser-Agent: tidewatch\r\nAccept: */*\r\nContent-Type: application/json\r\n"
                                      "Idempotency-Key: k|1\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
}

TEST_CASE("whatever a receiver does, the plain client makes of it what libcurl does, a cut head apart") {
  REQUIRE(CurlClient::available());
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  struct Behaviour {
    const char* name;
    Serve serve;
    int status;  // 0: no answer
    Duration retry_after{0};
    Duration timeout = seconds(5);
    int status_of_curl = -1;  // where it differs: half a head is an answer to libcurl
  };
  const std::vector<Behaviour> behaviours = {
      {"200", always(ok), 200},
      {"200 with a body", always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), 200},
      {"204", always("HTTP/1.1 204 No Content\r\n\r\n"), 204},
      {"a redirect is not followed", always("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"),
       302},
      {"410", always("HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone"), 410},
      {"500 to the end of the connection", once("HTTP/1.1 500 No\r\n\r\nbody"), 500},
      {"503 and when to come again", always("HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"), 503,
       seconds(7)},
      {"429 and a date long past",
       always("HTTP/1.1 429 No\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n"), 429},
      {"chunks", always(chunked + "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"), 200},
      {"chunks and trailers", always(chunked + "3\r\nabc\r\n0\r\nx-a: b\r\n\r\n"), 200},
      {"HTTP/1.0", once("HTTP/1.0 200 OK\r\n\r\nhello"), 200},
      {"bare line feeds", once("HTTP/1.1 200 OK\nContent-Length: 0\n\n"), 200},
      {"100 Continue first", always("HTTP/1.1 100 Continue\r\n\r\n" + ok), 200},
      {"a body beyond what is read", once("HTTP/1.1 200 OK\r\n\r\n" + std::string(300'000, 'x')), 200},
      {"no answer", once(""), 0},
      {"half a status line", once("HTTP/1.1 2"), 0},
      {"half a head", once("HTTP/1.1 200 OK\r\nContent-Le"), 0, Duration{0}, seconds(5), 200},
      {"half a body", once("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel"), 0},
      {"half a chunk", once(chunked + "5\r\nhel"), 0},
      {"no last chunk", once(chunked + "3\r\nhel\r\n"), 0},
      {"a chunk size that is none", once(chunked + "xyz\r\n"), 0},
      {"another protocol", once("SSH-2.0-OpenSSH_9.2p1\r\n"), 0},
      {"random bytes", once(std::string("\x00\x01\x02\xff\xfe binary \r\n\r\n", 17)), 0},
      {"another HTTP", once("HTTP/3.7 200 OK\r\n\r\n"), 0},
      {"the connection is reset",
       [](Receiver& r, int socket, int) {
         r.read(socket);
         reset(socket);
         ::close(::dup(socket));
       },
       0},
      {"a byte at a time",
       [chunked](Receiver& r, int socket, int) {
         r.read(socket);
         const int on = 1;
         ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
         for (const char c : chunked + "3\r\nabc\r\n0\r\n\r\n") {
           Receiver::write(socket, std::string(1, c));
           ::usleep(300);
         }
       },
       200},
      {"an answer before the body is read",
       [](Receiver&, int socket, int) {
         Receiver::write(socket, "HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
         Receiver::wait(socket);
       },
       413},
      {"silence", [](Receiver& r, int socket, int) { r.read(socket), Receiver::wait(socket); }, 0, Duration{0},
       milliseconds(200)},
      {"a drip that never ends",
       [](Receiver& r, int socket, int) {
         r.read(socket);
         Receiver::write(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
         for (int i = 0; i < 200; ++i) {
           if (::send(socket, "x", 1, MSG_NOSIGNAL) != 1) return;
           ::usleep(5000);
         }
       },
       0, Duration{0}, milliseconds(200)},
  };
  for (const Behaviour& b : behaviours) {
    CAPTURE(b.name);
    const auto both = [&](auto client_of, int status) {
      Receiver receiver(b.serve);
      Loop loop;
      auto client = client_of(loop);
      // Twice: what the first left on a kept connection is what the second meets.
      for (int i = 0; i < 2; ++i) {
        CAPTURE(i);
        const HttpReply got = ask(loop, *client, receiver.url(), "{}", b.timeout);
        INFO(got.problem);
        CHECK(got.status == status);
        CHECK(got.retry_after == b.retry_after);
      }
    };
    {
      INFO("plain");
      both([](Loop& loop) { return std::make_unique<PlainClient>(loop); }, b.status);
    }
    {
      INFO("curl");
      both([](Loop& loop) { return std::make_unique<CurlClient>(loop); },
           b.status_of_curl < 0 ? b.status : b.status_of_curl);
    }
  }
}

TEST_CASE("connections are kept, and one that was closed meanwhile costs nothing") {
  Loop loop;
  PlainClient client(loop);
  SECTION("kept") {
    Receiver receiver(always(ok));
    for (int i = 0; i < 20; ++i) CHECK(ask(loop, client, receiver.url()).status == 200);
    CHECK(receiver.connections() == 1);
  }
  SECTION("closed between two requests") {
    Receiver receiver(once(ok));
    for (int i = 0; i < 5; ++i) {
      CHECK(ask(loop, client, receiver.url()).status == 200);
      turn(loop);  // its end is seen before the next request
    }
    CHECK(receiver.connections() == 5);
    CHECK(receiver.requests().size() == 5);
  }
  SECTION("closed as the next request comes: sent once more on a new connection") {
    Receiver receiver([](Receiver& r, int socket, int) {
      r.read(socket);
      Receiver::write(socket, ok);
      r.read(socket);
    });
    for (int i = 0; i < 4; ++i) CHECK(ask(loop, client, receiver.url(), std::to_string(i)).status == 200);
    CHECK(receiver.connections() == 4);
    CHECK(receiver.requests().size() == 4 + 3);
    CHECK(receiver.requests()[1] == receiver.requests()[2]);
  }
  SECTION("reset as the next request comes: the same, body and all") {
    Receiver receiver([](Receiver& r, int socket, int number) {
      r.read(socket);
      Receiver::write(socket, ok);
      if (number > 1) return Receiver::wait(socket);
      char byte = 0;
      ::recv(socket, &byte, 1, 0);  // of many
      reset(socket);
      ::shutdown(socket, SHUT_RD);
    });
    const std::string large(3'000'000, 'l');
    CHECK(ask(loop, client, receiver.url()).status == 200);
    CHECK(ask(loop, client, receiver.url(), large).status == 200);
    const auto requests = receiver.requests();
    REQUIRE(requests.size() == 2);
    CHECK(requests[1].substr(requests[1].find("\r\n\r\n") + 4) == large);
  }
  SECTION("not when a byte of an answer had come, and not on a new connection") {
    Receiver receiver([](Receiver& r, int socket, int number) {
      if (number == 2) return;
      r.read(socket);
      Receiver::write(socket, ok);
      r.read(socket);
      Receiver::write(socket, "H");
    });
    CHECK(ask(loop, client, receiver.url()).status == 200);
    CHECK(ask(loop, client, receiver.url()).problem ==
          "the receiver closed the connection in the middle of its answer");
    CHECK(receiver.connections() == 1);
    CHECK(ask(loop, client, receiver.url()).status == 0);
    CHECK(receiver.connections() == 2);
  }
  SECTION("an answer nobody asked for is not the next one's") {
    Receiver receiver([](Receiver& r, int socket, int number) {
      while (!r.read(socket).empty())
        Receiver::write(socket, number == 1 ? ok + "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" : ok);
    });
    for (int i = 0; i < 3; ++i) CHECK(ask(loop, client, receiver.url()).status == 200);
    CHECK(receiver.connections() == 2);
  }
}

TEST_CASE(
    "at most sixteen connections a receiver, also while all of them hang; what waits begins when its turn comes") {
  Receiver receiver([](Receiver& r, int socket, int number) {
    if (number <= 16) return r.read(socket), Receiver::wait(socket);
    while (!r.read(socket).empty()) Receiver::write(socket, ok);
  });
  Loop loop;
  PlainClient client(loop);
  int good = 0, bad = 0;
  std::size_t most = 0;
  for (int i = 0; i < 100; ++i)
    post(client, receiver.url(), "{}", milliseconds(300),
         [&](const HttpReply& r) { ++(r.status == 200 ? good : bad); });
  for (int i = 0; i < 2000 && good + bad < 100; ++i) {
    loop.run_for(milliseconds(10));
    if (good + bad == 0) most = std::max(most, receiver.connections());
  }
  CHECK(bad == 16);
  CHECK(good == 84);
  CHECK(most <= 16);
  CHECK(receiver.connections() <= 32);
}

TEST_CASE("a large body reaches a receiver that reads slowly") {
  const std::string body(5'000'000, 'b');
  Receiver receiver([](Receiver& r, int socket, int) {
    ::usleep(100'000);
    r.read(socket);
    Receiver::write(socket, ok);
    r.read(socket);
    Receiver::write(socket, ok);
  });
  Loop loop;
  PlainClient client(loop);
  CHECK(ask(loop, client, receiver.url(), body, seconds(30)).status == 200);
  CHECK(ask(loop, client, receiver.url(), "short").status == 200);
  CHECK(receiver.connections() == 1);
  REQUIRE(receiver.requests().size() == 2);
  CHECK(receiver.requests()[0].size() > body.size());
}

TEST_CASE("names are looked up, and what cannot be reached says why") {
  Loop loop;
  PlainClient client(loop);
  {
    Receiver receiver(always(ok));
    for (const char* name : {"localhost", "LocalHost.", "hooks.localhost"})
      CHECK(ask(loop, client, receiver.url(name)).status == 200);
  }
  int port = 0;
  {
    Receiver gone(always(ok));
    port = gone.port;
  }
  const std::string at = "127.0.0.1:" + std::to_string(port);
  CHECK(ask(loop, client, "http://" + at + "/").problem == "cannot connect to " + at + ": connection refused");
  const HttpReply unknown = ask(loop, client, "http://no-such-host.invalid:1/", "{}", milliseconds(400));
  CHECK(unknown.problem.find("cannot connect to no-such-host.invalid:1") == 0);
}

TEST_CASE("a client that ends takes its transfers along, and nobody hears of them") {
  for (const char* host : {"127.0.0.1", "127.0.0.1", "127.0.0.1", "no-such-host.invalid"}) {
    static int turns = 0;
    Receiver receiver([](Receiver& r, int socket, int) { r.read(socket), Receiver::wait(socket); });
    Loop loop;
    int heard = 0, before = 0;
    {
      PlainClient client(loop);
      for (int i = 0; i < 40; ++i)
        post(client, receiver.url(host), std::string(100'000, 'x'), seconds(5), [&](const HttpReply&) { ++heard; });
      turn(loop, turns += 2);
      before = heard;  // a name nobody knows may have been said to be unknown already
    }
    turn(loop);
    CHECK(heard == before);
  }
}

TEST_CASE("an answer may lead to the next post, from inside it") {
  Receiver receiver(always(ok));
  Loop loop;
  PlainClient client(loop);
  int left = 50;
  std::function<void(HttpReply)> again = [&](const HttpReply& r) {
    CHECK(r.status == 200);
    if (--left > 0) post(client, receiver.url(), "{}", seconds(5), again);
  };
  post(client, receiver.url(), "{}", seconds(5), again);
  for (int i = 0; i < 2000 && left > 0; ++i) loop.run_for(milliseconds(10));
  CHECK(left == 0);
  CHECK(receiver.connections() == 1);
}

TEST_CASE("which URLs are plain, and how they are read") {
  struct Row {
    const char *url, *host;
    int port;
    const char *authority, *target;
  };
  for (const Row& row :
       {Row{"http://127.0.0.1:9093/api", "127.0.0.1", 9093, "127.0.0.1:9093", "/api"},
        Row{"HTTP://Hooks.example.org", "Hooks.example.org", 80, "Hooks.example.org", "/"},
        Row{"http://a_b-c:1/x/y?z=%20&q", "a_b-c", 1, "a_b-c:1", "/x/y?z=%20&q"},
        Row{"http://h?x", "h", 80, "h", "/?x"}, Row{"http://[::1]:8080/", "::1", 8080, "[::1]:8080", "/"},
        Row{"http://[2001:db8::2]/", "2001:db8::2", 80, "[2001:db8::2]", "/"}}) {
    CAPTURE(row.url);
    const auto got = read_plain_url(row.url);
    REQUIRE(got);
    CHECK(got->host == row.host);
    CHECK(got->port == row.port);
    CHECK(got->authority == row.authority);
    CHECK(got->target == row.target);
  }
  for (const char* url : {"",
                          "http://",
                          "http:///x",
                          "https://h/",
                          "ftp://h/",
                          "http://user@h/",
                          "http://user:pw@h/",
                          "http://h:0/",
                          "http://h:65536/",
                          "http://h:/",
                          "http://h:1x/",
                          "http://h /",
                          "http://h/a b",
                          "http://h/#f",
                          "http://h/\xc3\xa4",
                          "http://\xc3\xa4/",
                          "http://h/a/../b",
                          "http://[::1/",
                          "http://[::1]x/",
                          "http://[fe80::1%eth0]/",
                          "http://h\r\nX: y/",
                          "http://h/\r\nX: y",
                          "h/x"}) {
    CAPTURE(url);
    CHECK_FALSE(read_plain_url(url));
  }
}
