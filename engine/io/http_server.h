// A small HTTP/1.1 server on a libuv loop. One request of a connection is worked on at a time and the next is read only
// after its answer was written, so pipelined answers come in order and one client can hold one request's memory, no
// more. Slow clients meet deadlines; too many meet 503. TLS belongs in front of it for now.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/http_parse.h"
#include "io/loop.h"

namespace tidewatch {

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  int port = 9464;    // 0 = any free one
  std::string token;  // "" = none; else `Authorization: Bearer TOKEN` is needed, /-/healthy and /-/ready excepted
  HttpLimits limits;
  std::size_t most_connections = 512;
  Duration idle = seconds(75);    // between requests
  Duration header = seconds(10);  // from the first byte to the end of the header
  Duration body = seconds(60);    // from the header to the end of the body
  Duration write = seconds(30);   // for one answer
};

class HttpServer {
 public:
  // Call once, on the loop's thread, at any time while the loop lives; later calls do nothing.
  using Respond = std::function<void(HttpResponse)>;
  using Handler = std::function<void(const HttpRequest&, Respond)>;

  // Refuses an address that is not loopback when no token is set.
  static Result<std::unique_ptr<HttpServer>> listen(Loop& loop, HttpServerOptions options, Handler handler);
  ~HttpServer();

  int port() const;
  std::size_t connections() const;
  std::uint64_t requests() const;
  // No new connections; open ones close after the answer in work.
  void drain();

  struct State;  // named by the connections in http_server.cc

 private:
  explicit HttpServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

bool is_loopback(const std::string& address);

}  // namespace tidewatch
