// A small HTTP/1.1 server on a libuv loop, with TLS and tokens. One request of a connection is worked on at a time and
// the next is read only after its answer was written, so pipelined answers come in order and one client can hold one
// request's memory, no more; all of them together stay below one limit. Who is slow meets a deadline, who is one too
// many meets 503. Threads were decided against: what a request costs is the engine's work, and that is one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/http_parse.h"
#include "io/loop.h"
#include "io/tls.h"
#include "io/tokens.h"

namespace tidewatch {

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  int port = 9464;                        // 0 = any free one
  Tokens tokens;                          // empty: everybody may do everything
  std::shared_ptr<const TlsContext> tls;  // null: plain HTTP
  bool is_insecure = false;               // listen off loopback even without tokens or TLS
  HttpLimits limits;
  std::size_t other_body = std::size_t{1} << 20;   // of requests that are not deliveries of records
  std::size_t most_held = std::size_t{256} << 20;  // bytes of requests and answers, all connections together
  std::size_t most_connections = 10'000;           // lowered to what the limit of open files leaves
  std::size_t most_handshakes = 256;               // at once; a new one ends the oldest
  Duration handshake = seconds(10);
  Duration idle = seconds(75);           // between requests
  Duration header = seconds(10);         // from the first byte to the end of the header
  Duration body = seconds(10);           // from the header on, and longer as bytes come at `least_rate`
  Duration body_in_all = seconds(300);   // from the header to the end of the body
  Duration write = seconds(20);          // for one answer, and longer for a large one as `least_rate` allows
  Duration ending = seconds(5);          // for the client to close after us
  std::uint64_t least_rate = 16 * 1024;  // bytes a second
};

struct HttpCounters {
  std::uint64_t accepted = 0;      // connections
  std::uint64_t refused = 0;       // connections beyond the limit
  std::uint64_t requests = 0;      // read to their end
  std::uint64_t malformed = 0;     // answered by the parser
  std::uint64_t unauthorized = 0;  // 401 and 403
  std::uint64_t late = 0;          // connections that met a deadline, idle ones not counted
  std::uint64_t handshakes_failed = 0;
};

class HttpServer {
 public:
  // Call once, on the loop's thread, at any time while the loop lives; later calls do nothing.
  using Respond = std::function<void(HttpResponse)>;
  using Handler = std::function<void(HttpRequest, Respond)>;

  // Refuses an address that is not loopback without both tokens and TLS, unless is_insecure.
  static Result<std::unique_ptr<HttpServer>> listen(Loop& loop, HttpServerOptions options, Handler handler);
  ~HttpServer();

  int port() const;
  bool is_tls() const;
  std::size_t connections() const;
  std::size_t held() const;  // bytes, as most_held counts them
  const HttpCounters& counters() const;

  // For requests and connections from now on; open TLS sessions go on with their certificate. Protection that was there
  // at the start is not taken away: without its successor the old one stays, with an error.
  Done renew(Tokens tokens, std::shared_ptr<const TlsContext> tls);

  // No new connections; idle ones close, others after the answer in work. `done` is called once, from the loop, when
  // all are gone or, with those left cut off, after `within`.
  void drain(Duration within, std::function<void()> done);

  struct State;  // http_connection.h

 private:
  explicit HttpServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// 127.0.0.0/8, ::1 and the name localhost; nothing is resolved.
bool is_loopback(const std::string& address);

}  // namespace tidewatch
