// What slow, stuck and greedy clients get, with deadlines short enough to be met here. Nothing is timed: each test
// waits for what must come, and fails when it has not come after long.
#include "io/http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <functional>

using namespace tidewatch;

namespace {

class Client {
 public:
  explicit Client(int port, int receive_buffer = 0) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;

  ssize_t send(std::string_view s) { return ::send(fd_, s.data(), s.size(), MSG_NOSIGNAL); }
  void receive() {
    char buffer[65536];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) seen.append(buffer, static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EAGAIN)) is_over = true;
  }

  std::string seen;
  bool is_over = false;

 private:
  int fd_;
};

HttpServerOptions quick() {
  HttpServerOptions o;
  o.port = 0;
  o.most_connections = 50;
  return o;
}

bool comes(Loop& loop, const std::function<bool()>& what) {
  // A turn ends with the first event, so turns are no measure of how long was waited.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  do {
    if (what()) return true;
    loop.run_for(milliseconds(10));
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

bool ends(Loop& loop, Client& client) {
  return comes(loop, [&] {
    client.receive();
    return client.is_over;
  });
}

const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

void hello(const HttpRequest&, const HttpServer::Respond& respond) { respond({200, "text/plain", "hello"}); }

}  // namespace

TEST_CASE("a header and a body that do not come get 408, an idle connection is closed without a word") {
  Loop loop;
  auto o = quick();
  o.header = o.body = o.idle = milliseconds(100);
  auto server = HttpServer::listen(loop, o, hello);
  REQUIRE(server);
  Client header((*server)->port()), body((*server)->port()), idle((*server)->port());
  header.send("GET / HTTP/1.1\r\nHo");
  body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  for (Client* c : {&header, &body, &idle}) CHECK(ends(loop, *c));
  CHECK(header.seen.find("HTTP/1.1 408") == 0);
  CHECK(header.seen.find("header took too long") != std::string::npos);
  CHECK(body.seen.find("HTTP/1.1 408") == 0);
  CHECK(body.seen.find("body took too long") != std::string::npos);
  CHECK(idle.seen.empty());
  CHECK((*server)->counters().late == 2);
}

TEST_CASE("a trickle that resets no deadline is cut off, a body that keeps the least rate is not") {
  Loop loop;
  auto o = quick();
  o.header = o.body = milliseconds(300);
  o.body_in_all = seconds(60);
  o.least_rate = 1000;
  o.limits.header = std::size_t{64} << 20;  // the deadline is to be met, not this
  auto server = HttpServer::listen(loop, o, hello);
  REQUIRE(server);
  Client trickle((*server)->port()), steady((*server)->port());
  trickle.send("GET / HTTP/1.1\r\nX: ");
  steady.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n");
  // Every 500 bytes earn half a second.
  std::size_t sent = 0;
  CHECK(comes(loop, [&] {
    trickle.send("a");
    if (sent < 19000) steady.send(std::string(500, 'x')), sent += 500;
    trickle.receive();
    return trickle.is_over && sent == 19000;
  }));
  CHECK(trickle.seen.find("HTTP/1.1 408") == 0);
  steady.send(std::string(1000, 'x'));
  CHECK(comes(loop, [&] {
    steady.receive();
    return steady.seen.find("hello") != std::string::npos;
  }));
}

TEST_CASE("a client that does not read its answer is cut off and what it held is free again") {
  Loop loop;
  auto o = quick();
  o.write = milliseconds(200);
  o.least_rate = 1 << 30;
  const std::size_t size = 24u << 20;
  auto server = HttpServer::listen(loop, o, [&](const HttpRequest&, const HttpServer::Respond& respond) {
    respond({200, "text/plain", std::string(size, 'x')});
  });
  REQUIRE(server);
  Client deaf((*server)->port(), 4096);
  deaf.send(get);
  CHECK(comes(loop, [&] { return (*server)->held() >= size; }));
  // What is pipelined behind it is not even read.
  for (int i = 0; i < 100; ++i) deaf.send(get);
  CHECK(comes(loop, [&] { return (*server)->connections() == 0; }));
  CHECK((*server)->held() == 0);
  CHECK((*server)->counters().requests == 1);
}

TEST_CASE("answers beyond the bytes of all connections together become 503") {
  Loop loop;
  auto o = quick();
  o.most_held = 10u << 20;
  auto server = HttpServer::listen(loop, o, [&](const HttpRequest&, const HttpServer::Respond& respond) {
    respond({200, "text/plain", std::string(8u << 20, 'x')});
  });
  REQUIRE(server);
  Client deaf((*server)->port(), 4096), second((*server)->port());
  deaf.send(get);
  CHECK(comes(loop, [&] { return (*server)->held() > 0; }));
  second.send(get);
  CHECK(comes(loop, [&] {
    second.receive();
    return !second.seen.empty();
  }));
  CHECK(second.seen.find("HTTP/1.1 503") == 0);
}

TEST_CASE("beyond the most connections the next is told so, and beyond those told nobody is held") {
  Loop loop;
  auto o = quick();
  o.most_connections = 3;
  auto server = HttpServer::listen(loop, o, hello);
  REQUIRE(server);
  std::vector<std::unique_ptr<Client>> all;
  for (int i = 0; i < 100; ++i) all.push_back(std::make_unique<Client>((*server)->port()));
  CHECK(comes(loop, [&] { return (*server)->counters().accepted == 100; }));
  CHECK((*server)->connections() <= 3 + 64);
  CHECK((*server)->counters().refused == 97);
  std::size_t told = 0;
  for (auto& c : all) {
    c->receive();
    told += c->seen.find("HTTP/1.1 503") == 0;
  }
  CHECK(told == 64);
}

TEST_CASE("an answer that comes after its client has left, or twice, is dropped") {
  Loop loop;
  std::vector<HttpServer::Respond> waiting;
  auto server = HttpServer::listen(
      loop, quick(), [&](const HttpRequest&, HttpServer::Respond respond) { waiting.push_back(std::move(respond)); });
  REQUIRE(server);
  {
    Client gone((*server)->port());
    gone.send(get);
    CHECK(comes(loop, [&] { return waiting.size() == 1; }));
  }
  Client stays((*server)->port());
  stays.send(get);
  CHECK(comes(loop, [&] { return waiting.size() == 2; }));
  for (auto& respond : waiting)
    for (int i = 0; i < 2; ++i) respond({200, "text/plain", "once"});
  CHECK(comes(loop, [&] {
    stays.receive();
    return stays.seen.find("once") != std::string::npos;
  }));
  for (int i = 0; i < 5; ++i) loop.run_for(milliseconds(10));
  stays.receive();
  CHECK(stays.seen.find("once") == stays.seen.rfind("once"));
  (*server).reset();
  for (auto& respond : waiting) respond({200, "text/plain", "late"});
}

TEST_CASE("a drain ends when the last request is answered, or cuts it off at its end") {
  for (const bool is_answered : {true, false}) {
    Loop loop;
    HttpServer::Respond waiting;
    auto server = HttpServer::listen(
        loop, quick(), [&](const HttpRequest&, HttpServer::Respond respond) { waiting = std::move(respond); });
    REQUIRE(server);
    Client client((*server)->port());
    client.send(get);
    CHECK(comes(loop, [&] { return static_cast<bool>(waiting); }));
    int ended = 0;
    (*server)->drain(is_answered ? seconds(3600) : milliseconds(100), [&] { ++ended; });
    for (int i = 0; i < 3; ++i) loop.run_for(milliseconds(10));
    CHECK((!is_answered || ended == 0));
    if (is_answered) waiting({200, "text/plain", "in time"});
    CHECK(ends(loop, client));
    CHECK(comes(loop, [&] { return ended == 1; }));
    CHECK((client.seen.find("in time") != std::string::npos) == is_answered);
  }
}

TEST_CASE("off loopback a listener needs tokens and TLS") {
  CHECK(is_loopback("127.0.0.1"));
  CHECK(is_loopback("127.255.1.2"));
  CHECK(is_loopback("::1"));
  CHECK(is_loopback("localhost"));
  for (const char* address : {"0.0.0.0", "10.0.0.1", "::", "127.0.0.1.example", "127.1.example", "128.0.0.1", ""})
    CHECK_FALSE(is_loopback(address));
  Loop loop;
  auto o = quick();
  o.address = "0.0.0.0";
  auto without = HttpServer::listen(loop, o, hello);
  REQUIRE_FALSE(without);
  CHECK(without.error().text.find("without tokens and TLS") != std::string::npos);
  o.tokens = *Tokens::parse("12345678");
  auto without_tls = HttpServer::listen(loop, o, hello);
  REQUIRE_FALSE(without_tls);
  CHECK(without_tls.error().text.find("without TLS") != std::string::npos);
  o.is_insecure = true;
  CHECK(HttpServer::listen(loop, o, hello).ok());
}
