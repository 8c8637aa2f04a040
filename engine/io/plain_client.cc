// See plain_client.h. What libuv holds pointers into (the socket's handle with its requests, a name being looked up)
// lives apart from the connection and is let go by cutting its pointer back, so that a connection can end at any
// moment.
#include "io/plain_client.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <unordered_map>

namespace tidewatch {

namespace {

constexpr Duration idle_kept = seconds(60);
constexpr std::size_t read_bytes = std::size_t{16} << 10;

struct Transfer {
  std::string head, body;
  Duration timeout{};
  std::function<void(HttpReply)> then;
  bool is_retried = false;
};

struct Connection;

struct Wire {
  uv_tcp_t tcp{};
  uv_connect_t connect{};
  uv_write_t write{};
  Connection* connection = nullptr;  // null: it is closing
  bool is_writing = false;
  std::string head, body;  // while libuv writes them
};

struct Lookup {
  uv_getaddrinfo_t request{};
  Connection* connection = nullptr;
};

struct Receiver {
  std::string host, name;  // name: HOST:PORT, as the log says it
  int port = 0;
  std::size_t connections = 0;
  std::deque<std::unique_ptr<Transfer>> waiting;
  std::vector<Connection*> idle;
};

struct Connection {
  PlainClient::State* state = nullptr;
  Receiver* receiver = nullptr;
  Wire* wire = nullptr;
  Lookup* lookup = nullptr;
  uv_timer_t* timer = nullptr;
  std::vector<sockaddr_storage> addresses;
  std::size_t next_address = 0;
  std::unique_ptr<Transfer> transfer;
  HttpAnswerParser parser;
  bool is_connected = false, is_reused = false;
  std::uint64_t until = 0;  // ms of the loop's clock: the transfer's time is over
  std::string connect_problem;
};

bool is_plain_host(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

// Names that mean this machine and are not asked of anybody (RFC 6761, 6.3): localhost and what ends in .localhost.
bool is_localhost(std::string_view host) {
  constexpr std::string_view name = "localhost";
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (host.size() < name.size()) return false;
  const std::string_view end = host.substr(host.size() - name.size());
  if (!std::equal(end.begin(), end.end(), name.begin(),
                  [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; }))
    return false;
  return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
}

}  // namespace

std::optional<PlainUrl> read_plain_url(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (url.size() < scheme.size()) return std::nullopt;
  for (std::size_t i = 0; i < scheme.size(); ++i)
    if ((url[i] >= 'A' && url[i] <= 'Z' ? url[i] - 'A' + 'a' : url[i]) != scheme[i]) return std::nullopt;
  url.remove_prefix(scheme.size());
  const auto end = url.find_first_of("/?#");
  std::string_view authority = url.substr(0, end);
  std::string_view target = end == std::string_view::npos ? std::string_view() : url.substr(end);
  if (std::any_of(target.begin(), target.end(), [](char c) { return c <= ' ' || c > '~' || c == '#'; }))
    return std::nullopt;
  // Dots in a path are removed by some clients and not by others.
  if (target.find("/.") != std::string_view::npos) return std::nullopt;
  PlainUrl out;
  out.authority = authority;
  std::string_view port;
  if (!authority.empty() && authority.front() == '[') {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    out.host = authority.substr(1, close - 1);
    sockaddr_in6 six{};
    if (uv_ip6_addr(out.host.c_str(), 1, &six) != 0 || out.host.find('%') != std::string::npos) return std::nullopt;
    authority.remove_prefix(close + 1);
    if (!authority.empty() && authority.front() != ':') return std::nullopt;
    port = authority;
  } else {
    const auto colon = authority.find(':');
    out.host = authority.substr(0, colon);
    if (!is_plain_host(out.host)) return std::nullopt;
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (!port.empty()) {
    port.remove_prefix(1);
    if (port.empty() || port.size() > 5 ||
        !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return std::nullopt;
    out.port = std::stoi(std::string(port));
    if (out.port < 1 || out.port > 65535) return std::nullopt;
  }
  out.target = target.empty() || target.front() != '/' ? "/" + std::string(target) : std::string(target);
  return out;
}

struct PlainClient::State {
  uv_loop_t* loop = nullptr;
  std::unordered_map<std::string, std::unique_ptr<Receiver>> receivers;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections;
  std::array<char, read_bytes> buffer{};  // every read is parsed before the next

  // --- transfers ---

  void begin(Receiver& receiver, std::unique_ptr<Transfer> transfer) {
    if (!receiver.idle.empty()) {
      Connection* c = receiver.idle.back();
      receiver.idle.pop_back();
      c->is_reused = true;
      take(*c, std::move(transfer));
      send(*c);
      return;
    }
    open(receiver, std::move(transfer));
  }

  void take(Connection& c, std::unique_ptr<Transfer> transfer) {
    c.transfer = std::move(transfer);
    c.parser.reset();
    uv_update_time(loop);
    const auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(1, c.transfer->timeout.ns / 1'000'000));
    c.until = uv_now(loop) + ms;
    arm(c, c.is_connected ? ms : std::max<std::uint64_t>(1, ms / 2));
  }

  void arm(Connection& c, std::uint64_t ms) {
    uv_timer_start(
        c.timer,
        [](uv_timer_t* timer) {
          auto* connection = static_cast<Connection*>(timer->data);
          connection->state->timed_out(*connection);
        },
        ms, 0);
  }

  void timed_out(Connection& c) {
    if (!c.transfer) return remove(c);  // idle for long
    const std::int64_t ms = c.transfer->timeout.ns / 1'000'000;
    fail(c, c.is_connected ? "no answer within " + std::to_string(ms) + " ms"
                           : "cannot connect to " + c.receiver->name + " within " + std::to_string(ms / 2) + " ms");
  }

  void finish(Connection& c) {
    const auto transfer = std::move(c.transfer);
    HttpReply reply;
    reply.status = c.parser.status();
    reply.retry_after = c.parser.retry_after();
    reply.text = c.parser.text();
    Receiver& receiver = *c.receiver;
    if (c.parser.is_kept() && !c.wire->is_writing) {
      receiver.idle.push_back(&c);
      arm(c, static_cast<std::uint64_t>(idle_kept.ns / 1'000'000));
    } else {
      remove(c);
    }
    go_on(receiver);
    transfer->then(std::move(reply));
  }

  void fail(Connection& c, const std::string& problem) {
    const auto transfer = std::move(c.transfer);
    HttpReply reply;
    reply.problem = problem;
    Receiver& receiver = *c.receiver;
    remove(c);
    go_on(receiver);
    transfer->then(std::move(reply));
  }

  // The receiver had closed a kept connection, or did so while the request was on its way: nobody has acted on it, as
  // far as can be known, and its key tells a receiver that has.
  void begin_again(Connection& c) {
    auto transfer = std::move(c.transfer);
    transfer->is_retried = true;
    Receiver& receiver = *c.receiver;
    if (transfer->head.empty()) {
      transfer->head = std::move(c.wire->head);
      transfer->body = std::move(c.wire->body);
    }
    remove(c);
    open(receiver, std::move(transfer));
  }

  void go_on(Receiver& receiver) {
    while (!receiver.waiting.empty() && (!receiver.idle.empty() || receiver.connections < most_connections)) {
      auto next = std::move(receiver.waiting.front());
      receiver.waiting.pop_front();
      begin(receiver, std::move(next));
    }
  }

  // --- connections ---

  void open(Receiver& receiver, std::unique_ptr<Transfer> transfer) {
    auto made = std::make_unique<Connection>();
    Connection& c = *made;
    connections.emplace(&c, std::move(made));
    ++receiver.connections;
    c.state = this;
    c.receiver = &receiver;
    c.timer = new uv_timer_t{};
    uv_timer_init(loop, c.timer);
    c.timer->data = &c;
    take(c, std::move(transfer));
    sockaddr_storage address{};
    if (uv_ip4_addr(receiver.host.c_str(), receiver.port, reinterpret_cast<sockaddr_in*>(&address)) == 0 ||
        uv_ip6_addr(receiver.host.c_str(), receiver.port, reinterpret_cast<sockaddr_in6*>(&address)) == 0) {
      c.addresses.push_back(address);
      connect(c);
      return;
    }
    if (is_localhost(receiver.host)) {
      uv_ip4_addr("127.0.0.1", receiver.port, reinterpret_cast<sockaddr_in*>(&c.addresses.emplace_back()));
      uv_ip6_addr("::1", receiver.port, reinterpret_cast<sockaddr_in6*>(&c.addresses.emplace_back()));
      connect(c);
      return;
    }
    c.lookup = new Lookup;
    c.lookup->connection = &c;
    c.lookup->request.data = c.lookup;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    const std::string port = std::to_string(receiver.port);
    const int started = uv_getaddrinfo(
        loop, &c.lookup->request,
        [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
          const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(request->data));
          Connection* connection = lookup->connection;
          if (connection != nullptr) {
            connection->lookup = nullptr;
            for (const addrinfo* one = status == 0 ? found : nullptr; one != nullptr; one = one->ai_next) {
              if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
              std::memcpy(&connection->addresses.emplace_back(), one->ai_addr, one->ai_addrlen);
            }
            connection->connect_problem = status == 0 ? "no address" : uv_strerror(status);
          }
          uv_freeaddrinfo(found);
          if (connection != nullptr) connection->state->connect(*connection);
        },
        receiver.host.c_str(), port.c_str(), &hints);
    if (started != 0) {
      delete c.lookup;
      c.lookup = nullptr;
      c.connect_problem = uv_strerror(started);
      connect(c);
    }
  }

  // To the next address; when there is none left, the end, told by the timer: never before post() has returned.
  void connect(Connection& c) {
    while (c.next_address < c.addresses.size()) {
      const sockaddr_storage& address = c.addresses[c.next_address++];
      drop_wire(c);
      c.wire = new Wire;
      c.wire->connection = &c;
      int status = uv_tcp_init(loop, &c.wire->tcp);
      c.wire->tcp.data = c.wire->connect.data = c.wire->write.data = c.wire;
      if (status == 0)
        status = uv_tcp_connect(&c.wire->connect, &c.wire->tcp, reinterpret_cast<const sockaddr*>(&address),
                                [](uv_connect_t* request, int result) {
                                  Connection* connection = static_cast<Wire*>(request->data)->connection;
                                  if (connection != nullptr) connection->state->connected(*connection, result);
                                });
      if (status == 0) return;
      c.connect_problem = uv_strerror(status);
    }
    uv_timer_start(
        c.timer,
        [](uv_timer_t* timer) {
          auto* connection = static_cast<Connection*>(timer->data);
          connection->state->fail(
              *connection, "cannot connect to " + connection->receiver->name + ": " + connection->connect_problem);
        },
        0, 0);
  }

  void connected(Connection& c, int status) {
    if (status < 0) {
      c.connect_problem = uv_strerror(status);
      return connect(c);
    }
    c.is_connected = true;
    uv_tcp_nodelay(&c.wire->tcp, 1);
    uv_update_time(loop);
    arm(c, c.until > uv_now(loop) ? c.until - uv_now(loop) : 1);
    uv_read_start(
        reinterpret_cast<uv_stream_t*>(&c.wire->tcp),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* to) {
          Connection* connection = static_cast<Wire*>(handle->data)->connection;
          *to = uv_buf_init(connection->state->buffer.data(), static_cast<unsigned>(read_bytes));
        },
        [](uv_stream_t* stream, ssize_t count, const uv_buf_t* from) {
          Connection* connection = static_cast<Wire*>(stream->data)->connection;
          if (connection == nullptr || count == 0) return;
          if (count < 0) return connection->state->ended(*connection, static_cast<int>(count));
          connection->state->received(*connection, {from->base, static_cast<std::size_t>(count)});
        });
    send(c);
  }

  void send(Connection& c) {
    Transfer& t = *c.transfer;
    uv_buf_t parts[2] = {uv_buf_init(t.head.data(), static_cast<unsigned>(t.head.size())),
                         uv_buf_init(t.body.data(), static_cast<unsigned>(t.body.size()))};
    auto* stream = reinterpret_cast<uv_stream_t*>(&c.wire->tcp);
    const int sent = uv_try_write(stream, parts, 2);
    const std::size_t all = t.head.size() + t.body.size();
    if (sent >= 0 && static_cast<std::size_t>(sent) == all) return;
    // An error is the reader's to meet: an answer may stand in front of it.
    if (sent < 0 && sent != UV_EAGAIN) return;
    std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    Wire& wire = *c.wire;
    wire.head = std::move(t.head);
    wire.body = std::move(t.body);
    t.head.clear();
    t.body.clear();
    for (auto [text, part] : {std::pair(&wire.head, &parts[0]), std::pair(&wire.body, &parts[1])}) {
      const std::size_t skip = std::min(done, text->size());
      done -= skip;
      *part = uv_buf_init(text->data() + skip, static_cast<unsigned>(text->size() - skip));
    }
    wire.is_writing = true;
    const int status = uv_write(&wire.write, stream, parts, 2, [](uv_write_t* request, int) {
      static_cast<Wire*>(request->data)->is_writing = false;
    });
    if (status != 0) wire.is_writing = false;
  }

  void received(Connection& c, std::string_view bytes) {
    if (!c.transfer) return remove(c);  // an answer nobody asked for
    c.parser.feed(bytes, wall_clock());
    if (c.parser.state() == HttpAnswerParser::State::done) return finish(c);
    if (c.parser.state() == HttpAnswerParser::State::failed) return fail(c, c.parser.problem());
  }

  void ended(Connection& c, int status) {
    if (!c.transfer) return remove(c);
    if (c.is_reused && !c.parser.has_begun() && !c.transfer->is_retried) return begin_again(c);
    if (status != UV_EOF) return fail(c, "the connection to " + c.receiver->name + " broke: " + uv_strerror(status));
    c.parser.close();
    if (c.parser.state() == HttpAnswerParser::State::done) return finish(c);
    fail(c, c.parser.problem());
  }

  static void drop_wire(Connection& c) {
    if (c.wire == nullptr) return;
    c.wire->connection = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&c.wire->tcp),
             [](uv_handle_t* handle) { delete static_cast<Wire*>(handle->data); });
    c.wire = nullptr;
  }

  void remove(Connection& c) {
    drop_wire(c);
    if (c.lookup != nullptr) {
      c.lookup->connection = nullptr;
      uv_cancel(reinterpret_cast<uv_req_t*>(&c.lookup->request));
      c.lookup = nullptr;
    }
    uv_close(reinterpret_cast<uv_handle_t*>(c.timer),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
    Receiver& receiver = *c.receiver;
    receiver.idle.erase(std::remove(receiver.idle.begin(), receiver.idle.end(), &c), receiver.idle.end());
    --receiver.connections;
    connections.erase(&c);
  }
};

PlainClient::PlainClient(Loop& loop) : state_(std::make_unique<State>()) { state_->loop = loop.raw(); }

PlainClient::~PlainClient() {
  while (!state_->connections.empty()) state_->remove(*state_->connections.begin()->first);
}

void PlainClient::post(const PlainUrl& url, const std::vector<std::string>& headers, std::string body, Duration timeout,
                       std::function<void(HttpReply)> then) {
  auto transfer = std::make_unique<Transfer>();
  std::string& head = transfer->head;
  head.reserve(256 + url.target.size());
  head += "POST ";
  head += url.target;
  head += " HTTP/1.1\r\nHost: ";
  head += url.authority;
  head += "\r\nUser-Agent: tidewatch\r\nAccept: */*\r\n";
  for (const std::string& line : headers) {
    head += line;
    head += "\r\n";
  }
  head += "Content-Length: ";
  head += std::to_string(body.size());
  head += "\r\n\r\n";
  transfer->body = std::move(body);
  transfer->timeout = timeout;
  transfer->then = std::move(then);
  std::string name = url.host + ":" + std::to_string(url.port);
  auto& receiver = state_->receivers[name];
  if (!receiver) {
    receiver = std::make_unique<Receiver>();
    receiver->host = url.host;
    receiver->port = url.port;
    receiver->name = std::move(name);
  }
  receiver->waiting.push_back(std::move(transfer));
  state_->go_on(*receiver);
}

}  // namespace tidewatch
