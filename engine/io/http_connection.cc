// See http_connection.h: one client, from its first byte to its close callback.
#include "io/http_connection.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace tidewatch {

using Phase = HttpConnection::Phase;

namespace {

constexpr std::size_t most_thrown_away = std::size_t{64} << 20;  // bytes after the last answer
constexpr std::size_t most_unsent_replies = std::size_t{64} << 10;

bool wants_bytes(HttpParser::State s) {
  return s == HttpParser::State::idle || s == HttpParser::State::header || s == HttpParser::State::body;
}

std::uint64_t milliseconds_of(Duration d) { return static_cast<std::uint64_t>(d.ns / 1'000'000); }

}  // namespace

HttpConnection::HttpConnection(const std::shared_ptr<HttpServer::State>& state)
    : server_(state), parser_(state->options.limits, this) {
  if (state->options.tls) tls_ = std::make_unique<TlsSession>(state->options.tls);
}

void HttpConnection::begin(bool surplus) {
  const auto state = server_.lock();
  is_surplus_ = surplus;
  if (tls_) {
    if (state->handshakes.size() >= state->options.most_handshakes) state->handshakes.front()->close();
    handshake_ = state->handshakes.insert(state->handshakes.end(), this);
    is_shaking_ = true;
    set_phase(Phase::handshake);
    return start_reading();
  }
  set_phase(Phase::idle);
  next();
}

void HttpConnection::leave_handshake() {
  if (!std::exchange(is_shaking_, false)) return;
  if (const auto state = server_.lock()) state->handshakes.erase(handshake_);
}

void HttpConnection::set_phase(Phase next) {
  const auto state = server_.lock();
  if (!state || (next == phase && deadline != 0)) return;
  phase = next;
  const auto& o = state->options;
  const Duration span = next == Phase::handshake ? o.handshake
                        : next == Phase::idle    ? o.idle
                        : next == Phase::header  ? o.header
                        : next == Phase::body    ? o.body
                        : next == Phase::writing ? o.write
                        : next == Phase::ending  ? (state->is_draining ? std::min(o.ending, seconds(1)) : o.ending)
                                                 : Duration{0};
  uv_update_time(tcp.loop);
  phase_began_ = uv_now(tcp.loop);
  deadline = span.ns == 0 ? 0 : phase_began_ + milliseconds_of(span);
}

// A body's deadline moves as its bytes come: a slow line is no crime, a trickle that holds memory for hours is.
void HttpConnection::push_deadline() {
  const auto state = server_.lock();
  if (!state) return;
  const auto& o = state->options;
  const std::uint64_t earned = parser_.body_received() * 1000 / std::max<std::uint64_t>(1, o.least_rate);
  deadline = phase_began_ + std::min(milliseconds_of(o.body_in_all), milliseconds_of(o.body) + earned);
}

void HttpConnection::account(std::size_t bytes) {
  const auto state = server_.lock();
  if (!state) return;
  state->held = state->held - held_ + bytes;
  held_ = bytes;
}

void HttpConnection::start_reading() {
  if (is_reading_ || !self || is_input_ended_) return;
  is_reading_ = true;
  uv_read_start(
      reinterpret_cast<uv_stream_t*>(&tcp),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* out) {
        const auto state = static_cast<HttpConnection*>(handle->data)->server_.lock();
        *out = state ? uv_buf_init(state->buffer.data(), static_cast<unsigned>(state->buffer.size()))
                     : uv_buf_init(nullptr, 0);
      },
      [](uv_stream_t* stream, ssize_t n, const uv_buf_t*) {
        const auto c = static_cast<HttpConnection*>(stream->data)->shared_from_this();
        c->read(n);
      });
}

void HttpConnection::stop_reading() {
  if (!is_reading_) return;
  is_reading_ = false;
  uv_read_stop(reinterpret_cast<uv_stream_t*>(&tcp));
}

void HttpConnection::read(ssize_t n) {
  const auto state = server_.lock();
  if (!state || !self) return close();
  if (n == UV_EOF) return input_ended();
  if (n < 0) return close();
  if (n == 0) return;
  if (phase == Phase::ending) {
    thrown_away_ += static_cast<std::size_t>(n);
    if (thrown_away_ > most_thrown_away) close();
    return;
  }
  received({state->buffer.data(), static_cast<std::size_t>(n)});
}

void HttpConnection::input_ended() {
  is_input_ended_ = true;
  stop_reading();
  if (phase == Phase::ending || phase == Phase::handshake) return close();
  // What is in work or being written is still answered: the client closed its half only.
  if (phase != Phase::working && phase != Phase::writing) next();
}

void HttpConnection::received(std::string_view bytes) {
  if (!tls_) {
    parser_.feed(bytes);
    return next();
  }
  if (!std::exchange(has_bytes_, true) && !is_tls_start(bytes.front())) {
    const bool is_text = is_token_character(bytes.front());
    leave_handshake();
    tls_.reset();
    if (!is_text) return close();
    stop_reading();
    return respond(error_response(400, "this port speaks TLS: say https instead of http"), false, false);
  }
  tls_->feed(bytes);
  next();
}

// False while the handshake goes on, or when it has failed.
bool HttpConnection::shake_hands() {
  if (tls_->state() == TlsSession::State::failed) {
    const auto state = server_.lock();
    if (state && is_shaking_) {
      ++state->counters.handshakes_failed;
      log::debug("tls_handshake_failed", {{"problem", tls_->problem()}});
    }
    leave_handshake();
    flush_tls();  // the alert says why
    finish();
    return false;
  }
  if (tls_->state() == TlsSession::State::handshake) {
    flush_tls();
    if (self) start_reading();
    return false;
  }
  if (is_shaking_) {
    leave_handshake();
    set_phase(Phase::idle);
  }
  return true;
}

void HttpConnection::pull() {
  const auto state = server_.lock();
  if (!state) return;
  // Not the buffer of the socket: its bytes may still be the caller's.
  if (state->plain.empty()) state->plain.resize(std::size_t{16} << 10);
  while (wants_bytes(parser_.state())) {
    const std::size_t n = tls_->read(state->plain.data(), state->plain.size());
    if (n == 0) break;
    parser_.feed({state->plain.data(), n});
  }
  if (tls_->state() == TlsSession::State::ended) is_input_ended_ = true;
}

void HttpConnection::next() {
  const auto state = server_.lock();
  if (!state) return close();
  if (tls_ && !shake_hands()) return;
  if (is_surplus_) {
    stop_reading();
    HttpResponse refused = error_response(503, "too many connections");
    refused.headers.emplace_back("Retry-After", "5");
    return respond(std::move(refused), false, false);
  }
  parser_.go_on();
  if (tls_) {
    pull();
    if (tls_->state() == TlsSession::State::failed) return (void)shake_hands();
    flush_tls();
    if (!self) return;
  }
  account(parser_.held());
  switch (parser_.state()) {
    case HttpParser::State::done:
      stop_reading();
      ++state->counters.requests;
      set_phase(Phase::working);
      return work(parser_.take());
    case HttpParser::State::refused: {
      stop_reading();
      ++state->counters.unauthorized;
      const bool has_body = parser_.has_body();
      const HttpRequest head = parser_.take();
      const auto refused = std::move(refusal_);
      return respond(std::move(*refused), head.keep_alive && !has_body, head.method == "HEAD");
    }
    case HttpParser::State::failed:
      stop_reading();
      ++state->counters.malformed;
      return respond(error_response(parser_.problem().status, parser_.problem().text), false, false);
    case HttpParser::State::idle:
      if (is_input_ended_ || state->is_draining) return finish();
      set_phase(Phase::idle);
      break;
    case HttpParser::State::header:
    case HttpParser::State::body: {
      if (is_input_ended_) {
        ++state->counters.malformed;
        return respond(error_response(400, "the request ended early"), false, false);
      }
      const bool is_body = parser_.state() == HttpParser::State::body;
      set_phase(is_body ? Phase::body : Phase::header);
      if (is_body) push_deadline();
      if (state->held > state->options.most_held) {
        stop_reading();
        HttpResponse refused = error_response(503, "too many bytes of requests at once; send it again");
        refused.headers.emplace_back("Retry-After", "5");
        return respond(std::move(refused), false, false);
      }
      if (parser_.take_expects_continue()) send("HTTP/1.1 100 Continue\r\n\r\n", {}, false);
      break;
    }
  }
  if (self) start_reading();
}

bool HttpConnection::accept(const HttpRequest& head, std::size_t& most) {
  const auto state = server_.lock();
  if (!state) return false;
  const auto refuse = [&](HttpResponse response) {
    refusal_ = std::make_unique<HttpResponse>(std::move(response));
    return false;
  };
  const auto& tokens = state->options.tokens;
  if (const unsigned needed = scope_needed(head); !tokens.empty() && needed != scope::none) {
    const AccessToken* token = tokens.find(head.header("authorization"));
    if (token == nullptr) {
      HttpResponse refused = error_response(401, "expected an Authorization header with a bearer token");
      refused.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"tidewatch\"");
      return refuse(std::move(refused));
    }
    if ((token->scopes & needed) == 0) {
      const std::string name = scope_name(needed);
      HttpResponse refused = error_response(403, "the token lacks the scope " + name);
      refused.headers.emplace_back("WWW-Authenticate",
                                   "Bearer realm=\"tidewatch\", error=\"insufficient_scope\", scope=\"" + name + "\"");
      return refuse(std::move(refused));
    }
  }
  // A page of another site must not be able to post here through a visitor's browser.
  const auto origin = head.header("origin");
  if (head.method != "GET" && head.method != "HEAD" && !origin.empty()) {
    const std::string host(head.header("host"));
    if (origin != "http://" + host && origin != "https://" + host)
      return refuse(error_response(403, "a request of another origin is refused"));
  }
  if (scope_needed(head) != scope::ingest) most = std::min(most, state->options.other_body);
  return true;
}

void HttpConnection::work(HttpRequest request) {
  const auto state = server_.lock();
  const bool keep_alive = request.keep_alive && !state->is_draining;
  const bool head = request.method == "HEAD";
  if (head) request.method = "GET";
  account(request.body.capacity() + parser_.held());
  // A promise to answer exactly once: the flag is shared by all copies of the function.
  auto answered = std::make_shared<bool>(false);
  std::weak_ptr<HttpConnection> weak = weak_from_this();
  state->handler(std::move(request), [weak, answered, keep_alive, head](HttpResponse response) {
    if (std::exchange(*answered, true)) return;
    if (const auto c = weak.lock(); c && c->self) c->respond(std::move(response), keep_alive, head);
  });
}

void HttpConnection::respond(HttpResponse response, bool keep_alive, bool head) {
  const auto state = server_.lock();
  if (!state) return close();
  if (state->held - held_ + response.body.size() > state->options.most_held) {
    response = error_response(503, "too many bytes of answers at once; ask again");
    response.headers.emplace_back("Retry-After", "5");
  }
  if (!keep_alive || response.close || state->is_draining) close_after_ = true;
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += reason_phrase(response.status);
  out += "\r\nContent-Type: " + response.content_type + "\r\nContent-Length: " + std::to_string(response.body.size());
  out += "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n";
  for (const auto& [name, value] : response.headers) out += name + ": " + value + "\r\n";
  if (close_after_) out += "Connection: close\r\n";
  out += "\r\n";
  if (head) response.body = {};
  const std::size_t size = out.size() + response.body.size();
  account(size + parser_.held());
  set_phase(Phase::writing);
  deadline += size * 1000 / std::max<std::uint64_t>(1, state->options.least_rate);
  send(std::move(out), std::move(response.body), true);
}

void HttpConnection::refuse_late() {
  const bool is_body = phase == Phase::body;
  stop_reading();
  respond(error_response(408, is_body ? "the request body took too long" : "the request header took too long"), false,
          false);
}

void HttpConnection::send(std::string head, std::string body, bool is_answer) {
  if (!tls_) return send_bytes(std::move(head), std::move(body), is_answer);
  tls_->write(head);
  tls_->write(body);
  if (tls_->state() == TlsSession::State::failed) return close();
  send_bytes(tls_->drain(), {}, is_answer);
}

// What TLS itself has to say (handshake, tickets, new keys). A client that asks for it and does not read is cut off.
void HttpConnection::flush_tls() {
  if (!tls_) return;
  std::string bytes = tls_->drain();
  if (bytes.empty()) return;
  if (uv_stream_get_write_queue_size(reinterpret_cast<uv_stream_t*>(&tcp)) > most_unsent_replies) return close(true);
  send_bytes(std::move(bytes), {}, false);
}

void HttpConnection::send_bytes(std::string first, std::string second, bool is_answer) {
  struct Write {
    uv_write_t request{};
    std::string first, second;
    std::shared_ptr<HttpConnection> connection;
    bool is_answer = false;
  };
  if (!self) return;
  auto* w = new Write{{}, std::move(first), std::move(second), shared_from_this(), is_answer};
  w->request.data = w;
  uv_buf_t parts[2] = {uv_buf_init(w->first.data(), static_cast<unsigned>(w->first.size())),
                       uv_buf_init(w->second.data(), static_cast<unsigned>(w->second.size()))};
  const unsigned n = w->second.empty() ? 1 : 2;
  const int code = uv_write(&w->request, reinterpret_cast<uv_stream_t*>(&tcp), parts, n, [](uv_write_t* r, int status) {
    const std::unique_ptr<Write> done(static_cast<Write*>(r->data));
    done->connection->written(done->is_answer, status);
  });
  if (code != 0) {
    delete w;
    close();
  }
}

void HttpConnection::written(bool is_answer, int status) {
  if (!self) return;
  if (status != 0) return close();
  if (!is_answer) return;
  if (close_after_) return finish();
  next();
}

void HttpConnection::finish() {
  if (!self || phase == Phase::ending) return;
  stop_reading();
  account(0);
  set_phase(Phase::ending);
  if (tls_ && tls_->state() != TlsSession::State::failed) {
    tls_->say_goodbye();
    flush_tls();
    if (!self) return;
  }
  struct Shutdown {
    uv_shutdown_t request{};
    std::shared_ptr<HttpConnection> connection;
  };
  auto* s = new Shutdown{{}, shared_from_this()};
  s->request.data = s;
  const int code = uv_shutdown(&s->request, reinterpret_cast<uv_stream_t*>(&tcp), [](uv_shutdown_t* r, int status) {
    const std::unique_ptr<Shutdown> done(static_cast<Shutdown*>(r->data));
    if (status != 0 || done->connection->is_input_ended_) done->connection->close();
  });
  if (code != 0) {
    delete s;
    return close();
  }
  start_reading();
}

void HttpConnection::close(bool reset) {
  if (!self || uv_is_closing(reinterpret_cast<uv_handle_t*>(&tcp)) != 0) return;
  leave_handshake();
  account(0);
  const auto closed = [](uv_handle_t* handle) {
    auto* c = static_cast<HttpConnection*>(handle->data);
    const auto last = std::move(c->self);
  };
  // A client that does not read its answer: the system's buffers go with the connection.
  if (!reset || uv_tcp_close_reset(&tcp, closed) != 0) uv_close(reinterpret_cast<uv_handle_t*>(&tcp), closed);
  if (const auto state = server_.lock()) {
    state->connections.erase(shared_from_this());
    state->check_drained();
  }
}

}  // namespace tidewatch
