// See http_server.h: listening, the limits of all connections together, and the end. One sweep looks at all deadlines;
// a timer per connection was decided against.
#include "io/http_server.h"

#include <arpa/inet.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/log.h"
#include "io/http_connection.h"

namespace tidewatch {

using Phase = HttpConnection::Phase;

namespace {

constexpr std::size_t most_surplus = 64;      // connections beyond the limit that are told so
constexpr std::size_t other_open_files = 64;  // store, logs, packs, notifiers
constexpr std::uint64_t sweep_every = 250;    // ms

// What is missing for an address others can reach, or "".
std::string missing_protection(const HttpServerOptions& o) {
  if (is_loopback(o.address) || o.is_insecure || (o.tls && !o.tokens.empty())) return "";
  const std::string what = o.tls ? "tokens" : o.tokens.empty() ? "tokens and TLS" : "TLS";
  return "listening on " + o.address + " is refused without " + what +
         ": others on the network could read, write or listen in; give --token-file with --tls-cert and --tls-key, "
         "listen on 127.0.0.1 behind a proxy, or say --insecure";
}

std::size_t connections_possible(std::size_t wanted) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return wanted;
  const auto all = static_cast<std::size_t>(files.rlim_cur);
  const std::size_t others = most_surplus + other_open_files;
  const std::size_t possible = all > others + 16 ? all - others : 16;
  if (possible >= wanted) return wanted;
  log::warning("fewer_connections", {{"wanted", std::to_string(wanted)},
                                     {"possible", std::to_string(possible)},
                                     {"open_files", std::to_string(all)}});
  return possible;
}

}  // namespace

bool is_loopback(const std::string& address) {
  in_addr four{};
  in6_addr six{};
  if (inet_pton(AF_INET, address.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  if (inet_pton(AF_INET6, address.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
  return address == "localhost";
}

void HttpServer::State::accept() {
  auto c = std::make_shared<HttpConnection>(shared_from_this());
  uv_tcp_init(loop->raw(), &c->tcp);
  c->tcp.data = c.get();
  c->self = c;
  if (uv_accept(reinterpret_cast<uv_stream_t*>(listener), reinterpret_cast<uv_stream_t*>(&c->tcp)) != 0)
    return c->close();
  uv_tcp_nodelay(&c->tcp, 1);
  ++counters.accepted;
  const bool is_full = connections.size() >= options.most_connections;
  if (is_full) ++counters.refused;
  if (connections.size() >= options.most_connections + most_surplus) return c->close();
  connections.insert(c);
  c->begin(is_full);
}

void HttpServer::State::sweep_deadlines() {
  const std::uint64_t now = uv_now(loop->raw());
  std::vector<std::shared_ptr<HttpConnection>> late;
  const bool is_over = is_draining && now >= drain_deadline;
  for (const auto& c : connections)
    if (is_over || (c->deadline != 0 && now >= c->deadline)) late.push_back(c);
  for (const auto& c : late) {
    if (is_over || c->phase == Phase::idle || c->phase == Phase::ending) {
      c->close();
      continue;
    }
    ++counters.late;
    if (c->phase == Phase::header || c->phase == Phase::body) {
      c->refuse_late();
    } else {
      c->close(true);
    }
  }
  check_drained();
}

void HttpServer::State::close_listener() {
  if (listener == nullptr) return;
  uv_close(reinterpret_cast<uv_handle_t*>(listener),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); });
  listener = nullptr;
}

void HttpServer::State::check_drained() {
  if (!is_draining || !connections.empty() || !on_drained) return;
  loop->post(std::exchange(on_drained, nullptr));
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(Loop& loop, HttpServerOptions options, Handler handler) {
  if (const std::string missing = missing_protection(options); !missing.empty()) return invalid(missing);
  const std::string address = options.address == "localhost" ? "127.0.0.1" : options.address;
  sockaddr_storage where{};
  const bool is_six = address.find(':') != std::string::npos;
  const int parsed = is_six ? uv_ip6_addr(address.c_str(), options.port, reinterpret_cast<sockaddr_in6*>(&where))
                            : uv_ip4_addr(address.c_str(), options.port, reinterpret_cast<sockaddr_in*>(&where));
  if (parsed != 0 || options.port < 0 || options.port > 65535)
    return invalid("expected an IP address and a port from 0 to 65535, got " + options.address + ":" +
                   std::to_string(options.port));
  if (!is_loopback(options.address) && (options.tokens.empty() || !options.tls))
    log::warning("insecure_listener", {{"address", options.address},
                                       {"tokens", options.tokens.empty() ? "no" : "yes"},
                                       {"tls", options.tls ? "yes" : "no"}});
  auto state = std::make_shared<State>();
  state->loop = &loop;
  state->options = std::move(options);
  state->options.most_connections = connections_possible(state->options.most_connections);
  state->handler = std::move(handler);
  state->listener = new uv_tcp_t{};
  uv_tcp_init(loop.raw(), state->listener);
  state->listener->data = state.get();
  int code = uv_tcp_bind(state->listener, reinterpret_cast<sockaddr*>(&where), 0);
  if (code == 0)
    code = uv_listen(reinterpret_cast<uv_stream_t*>(state->listener), 511, [](uv_stream_t* stream, int status) {
      if (status == 0) static_cast<State*>(stream->data)->accept();
    });
  if (code != 0) {
    state->close_listener();
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
  uv_timer_start(
      state->sweep, [](uv_timer_t* timer) { static_cast<State*>(timer->data)->sweep_deadlines(); }, sweep_every,
      sweep_every);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

Done HttpServer::renew(Tokens tokens, std::shared_ptr<const TlsContext> tls) {
  auto& o = state_->options;
  if (tokens.empty() != o.tokens.empty() || (tls == nullptr) != (o.tls == nullptr))
    return invalid("expected tokens and TLS to be as at the start, both on or off; restart to change that");
  o.tokens = std::move(tokens);
  o.tls = std::move(tls);
  return done();
}

void HttpServer::drain(Duration within, std::function<void()> done) {
  State& s = *state_;
  if (s.is_draining) return;
  s.is_draining = true;
  uv_update_time(s.loop->raw());
  s.drain_deadline = uv_now(s.loop->raw()) + static_cast<std::uint64_t>(within.ns / 1'000'000);
  s.on_drained = std::move(done);
  s.close_listener();
  const auto all = s.connections;
  for (const auto& c : all)
    if (c->phase == Phase::idle || c->phase == Phase::handshake) c->close();
  s.check_drained();
}

HttpServer::~HttpServer() {
  State& s = *state_;
  s.is_draining = true;
  s.on_drained = nullptr;
  s.close_listener();
  uv_close(reinterpret_cast<uv_handle_t*>(s.sweep),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
  const auto all = s.connections;
  for (const auto& c : all) c->close();
}

int HttpServer::port() const { return state_->port; }
bool HttpServer::is_tls() const { return state_->options.tls != nullptr; }
std::size_t HttpServer::connections() const { return state_->connections.size(); }
std::size_t HttpServer::held() const { return state_->held; }
const HttpCounters& HttpServer::counters() const { return state_->counters; }

}  // namespace tidewatch
