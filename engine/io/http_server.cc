// See http_server.h. A connection is a shared object: libuv's handle inside it keeps it alive until the close callback,
// and an answer that comes after the client left finds a weak pointer and is dropped. One sweep a second looks at all
// deadlines; a timer per connection was decided against.
#include "io/http_server.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/log.h"
#include "base/text.h"

namespace tidewatch {

bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.rfind("127.", 0) == 0;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

HttpResponse error_response(int status, std::string_view text) {
  return {status, "application/json", "{\"error\":\"" + json_escape(text) + "\"}\n"};
}

namespace {

bool same_secret(std::string_view a, std::string_view b) {
  unsigned different = a.size() == b.size() ? 0u : 1u;
  for (std::size_t i = 0; i < a.size(); ++i)
    different |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return different == 0;
}

}  // namespace

struct Connection;

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  Loop* loop = nullptr;
  HttpServerOptions options;
  Handler handler;
  uv_tcp_t* listener = nullptr;  // freed in their close callbacks, which may come after this object
  uv_timer_t* sweep = nullptr;
  int port = 0;
  std::uint64_t requests = 0;
  bool is_draining = false;
  std::set<std::shared_ptr<Connection>> connections;

  void accept();
  void sweep_deadlines();
};

struct Connection : std::enable_shared_from_this<Connection> {
  explicit Connection(HttpLimits limits) : parser(limits) {}

  uv_tcp_t tcp{};
  std::shared_ptr<Connection> self;  // released in the close callback
  std::weak_ptr<HttpServer::State> server;
  HttpParser parser;
  enum class Phase { idle, header, body, working, writing } phase = Phase::idle;
  std::uint64_t deadline = 0;  // loop milliseconds; 0 = none
  bool is_reading = false, close_after = false;
  std::array<char, 65536> buffer{};

  void set_phase(Phase next);
  void start_reading();
  void stop_reading();
  void received(std::string_view bytes);
  void next();
  void work(HttpRequest request);
  void respond(HttpResponse response, bool keep_alive, bool head);
  void write(std::string bytes, bool is_final);
  void written(bool is_final, int status);
  void close();
};

using Phase = Connection::Phase;

void Connection::set_phase(Phase next) {
  const auto state = server.lock();
  if (!state || (next == phase && deadline != 0 && next != Phase::idle)) return;
  phase = next;
  const auto& o = state->options;
  const Duration span = next == Phase::idle      ? o.idle
                        : next == Phase::header  ? o.header
                        : next == Phase::body    ? o.body
                        : next == Phase::writing ? o.write
                                                 : Duration{0};
  uv_update_time(tcp.loop);
  deadline = span.ns == 0 ? 0 : uv_now(tcp.loop) + static_cast<std::uint64_t>(span.ns / 1'000'000);
}

void Connection::start_reading() {
  if (is_reading || !self) return;
  is_reading = true;
  uv_read_start(
      reinterpret_cast<uv_stream_t*>(&tcp),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* out) {
        auto* c = static_cast<Connection*>(handle->data);
        *out = uv_buf_init(c->buffer.data(), static_cast<unsigned>(c->buffer.size()));
      },
      [](uv_stream_t* stream, ssize_t n, const uv_buf_t*) {
        const auto c = static_cast<Connection*>(stream->data)->shared_from_this();
        if (n < 0) return c->close();
        if (n > 0) c->received({c->buffer.data(), static_cast<std::size_t>(n)});
      });
}

void Connection::stop_reading() {
  if (!is_reading) return;
  is_reading = false;
  uv_read_stop(reinterpret_cast<uv_stream_t*>(&tcp));
}

void Connection::received(std::string_view bytes) {
  parser.feed(bytes);
  next();
}

void Connection::next() {
  const auto state = server.lock();
  if (!state) return close();
  switch (parser.state()) {
    case HttpParser::State::done:
      stop_reading();
      ++state->requests;
      set_phase(Phase::working);
      return work(parser.take());
    case HttpParser::State::failed:
      stop_reading();
      return respond(error_response(parser.status(), parser.problem()), false, false);
    case HttpParser::State::idle:
      set_phase(Phase::idle);
      break;
    case HttpParser::State::header:
      set_phase(Phase::header);
      break;
    case HttpParser::State::body:
      set_phase(Phase::body);
      if (parser.take_expects_continue()) write("HTTP/1.1 100 Continue\r\n\r\n", false);
      break;
  }
  start_reading();
}

void Connection::work(HttpRequest request) {
  const auto state = server.lock();
  const bool keep_alive = request.keep_alive && !state->is_draining;
  const bool head = request.method == "HEAD";
  if (head) request.method = "GET";
  const auto& token = state->options.token;
  if (!token.empty() && request.path != "/-/healthy" && request.path != "/-/ready" &&
      !same_secret(request.header("authorization"), "Bearer " + token)) {
    HttpResponse refused = error_response(401, "expected an Authorization header with the bearer token");
    refused.headers.emplace_back("WWW-Authenticate", "Bearer");
    return respond(std::move(refused), keep_alive, head);
  }
  // A page of another site must not be able to post here through a visitor's browser.
  const auto origin = request.header("origin");
  if (request.method != "GET" && !origin.empty()) {
    const std::string host(request.header("host"));
    if (origin != "http://" + host && origin != "https://" + host)
      return respond(error_response(403, "a request of another origin is refused"), keep_alive, head);
  }
  // A promise to answer exactly once: the flag is shared by all copies of the function.
  auto answered = std::make_shared<bool>(false);
  std::weak_ptr<Connection> weak = weak_from_this();
  state->handler(request, [weak, answered, keep_alive, head](HttpResponse response) {
    if (std::exchange(*answered, true)) return;
    if (const auto c = weak.lock(); c && c->self) c->respond(std::move(response), keep_alive, head);
  });
}

void Connection::respond(HttpResponse response, bool keep_alive, bool head) {
  const auto state = server.lock();
  if (!keep_alive || response.close || (state && state->is_draining)) close_after = true;
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += reason_phrase(response.status);
  out += "\r\nContent-Type: " + response.content_type + "\r\nContent-Length: " + std::to_string(response.body.size());
  out += "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n";
  for (const auto& [name, value] : response.headers) out += name + ": " + value + "\r\n";
  if (close_after) out += "Connection: close\r\n";
  out += "\r\n";
  if (!head) out += response.body;
  set_phase(Phase::writing);
  write(std::move(out), true);
}

void Connection::write(std::string bytes, bool is_final) {
  struct Write {
    uv_write_t request{};
    std::string bytes;
    std::shared_ptr<Connection> connection;
    bool is_final = false;
  };
  auto* w = new Write{{}, std::move(bytes), shared_from_this(), is_final};
  w->request.data = w;
  uv_buf_t buf = uv_buf_init(w->bytes.data(), static_cast<unsigned>(w->bytes.size()));
  const int code = uv_write(&w->request, reinterpret_cast<uv_stream_t*>(&tcp), &buf, 1, [](uv_write_t* r, int status) {
    const std::unique_ptr<Write> done(static_cast<Write*>(r->data));
    done->connection->written(done->is_final, status);
  });
  if (code != 0) {
    delete w;
    close();
  }
}

void Connection::written(bool is_final, int status) {
  if (!self) return;
  if (status != 0) return close();
  if (!is_final) return;
  if (close_after) return close();
  next();
}

void Connection::close() {
  if (!self || uv_is_closing(reinterpret_cast<uv_handle_t*>(&tcp)) != 0) return;
  if (const auto state = server.lock()) state->connections.erase(shared_from_this());
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp), [](uv_handle_t* handle) {
    auto* c = static_cast<Connection*>(handle->data);
    const auto last = std::move(c->self);
  });
}

void HttpServer::State::accept() {
  auto c = std::make_shared<Connection>(options.limits);
  uv_tcp_init(loop->raw(), &c->tcp);
  c->tcp.data = c.get();
  c->self = c;
  c->server = weak_from_this();
  if (uv_accept(reinterpret_cast<uv_stream_t*>(listener), reinterpret_cast<uv_stream_t*>(&c->tcp)) != 0)
    return c->close();
  uv_tcp_nodelay(&c->tcp, 1);
  const bool is_full = connections.size() >= options.most_connections;
  connections.insert(c);
  if (is_full) {
    HttpResponse refused = error_response(503, "too many connections");
    refused.headers.emplace_back("Retry-After", "1");
    return c->respond(std::move(refused), false, false);
  }
  c->set_phase(Phase::idle);
  c->start_reading();
}

void HttpServer::State::sweep_deadlines() {
  const std::uint64_t now = uv_now(loop->raw());
  std::vector<std::shared_ptr<Connection>> late;
  for (const auto& c : connections)
    if (c->deadline != 0 && now >= c->deadline) late.push_back(c);
  for (const auto& c : late) {
    const bool was_sending = c->phase == Phase::header || c->phase == Phase::body;
    if (!was_sending) {
      c->close();
      continue;
    }
    c->stop_reading();
    c->respond(error_response(408, c->phase == Phase::header ? "the request header took too long"
                                                             : "the request body took too long"),
               false, false);
  }
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(Loop& loop, HttpServerOptions options, Handler handler) {
  if (!is_loopback(options.address) && options.token.empty())
    return invalid("listening on " + options.address +
                   " is refused without a token: others could read and write; give a token file or use 127.0.0.1");
  const std::string address = options.address == "localhost" ? "127.0.0.1" : options.address;
  sockaddr_storage where{};
  const bool is_six = address.find(':') != std::string::npos;
  const int parsed = is_six ? uv_ip6_addr(address.c_str(), options.port, reinterpret_cast<sockaddr_in6*>(&where))
                            : uv_ip4_addr(address.c_str(), options.port, reinterpret_cast<sockaddr_in*>(&where));
  if (parsed != 0 || options.port < 0 || options.port > 65535)
    return invalid("expected an IP address and a port from 0 to 65535, got " + options.address + ":" +
                   std::to_string(options.port));
  auto state = std::make_shared<State>();
  state->loop = &loop;
  state->options = std::move(options);
  state->handler = std::move(handler);
  state->listener = new uv_tcp_t{};
  uv_tcp_init(loop.raw(), state->listener);
  state->listener->data = state.get();
  const auto free_listener = [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); };
  int code = uv_tcp_bind(state->listener, reinterpret_cast<sockaddr*>(&where), 0);
  if (code == 0)
    code = uv_listen(reinterpret_cast<uv_stream_t*>(state->listener), 511, [](uv_stream_t* stream, int status) {
      if (status == 0) static_cast<State*>(stream->data)->accept();
    });
  if (code != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(state->listener), free_listener);
    return io_error("cannot listen on " + state->options.address + ":" + std::to_string(state->options.port) + ": " +
                    uv_strerror(code));
  }
  sockaddr_storage bound{};
  int size = sizeof bound;
  uv_tcp_getsockname(state->listener, reinterpret_cast<sockaddr*>(&bound), &size);
  state->port = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                                  : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
  state->sweep = new uv_timer_t{};
  uv_timer_init(loop.raw(), state->sweep);
  state->sweep->data = state.get();
  const std::uint64_t every = 250;
  uv_timer_start(
      state->sweep, [](uv_timer_t* timer) { static_cast<State*>(timer->data)->sweep_deadlines(); }, every, every);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

void HttpServer::drain() {
  if (state_->is_draining) return;
  state_->is_draining = true;
  uv_close(reinterpret_cast<uv_handle_t*>(state_->listener),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); });
  state_->listener = nullptr;
  const auto all = state_->connections;
  for (const auto& c : all)
    if (c->phase == Phase::idle) c->close();
}

HttpServer::~HttpServer() {
  drain();
  uv_close(reinterpret_cast<uv_handle_t*>(state_->sweep),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
  const auto all = std::move(state_->connections);
  state_->connections.clear();
  for (const auto& c : all) c->close();
}

int HttpServer::port() const { return state_->port; }
std::size_t HttpServer::connections() const { return state_->connections.size(); }
std::uint64_t HttpServer::requests() const { return state_->requests; }

}  // namespace tidewatch
