// What the server and its connections know of each other; included by http_server.cc and http_connection.cc alone. A
// connection is a shared object: libuv's handle inside it keeps it alive until the close callback, and an answer that
// comes after the client left finds a weak pointer and is dropped.
#pragma once

#include <list>
#include <set>
#include <vector>

#include "io/http_server.h"

namespace tidewatch {

struct HttpConnection;

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  Loop* loop = nullptr;
  HttpServerOptions options;
  Handler handler;
  uv_tcp_t* listener = nullptr;  // freed in their close callbacks, which may come after this object
  uv_timer_t* sweep = nullptr;
  int port = 0;
  bool is_draining = false;
  std::uint64_t drain_deadline = 0;  // loop milliseconds
  std::function<void()> on_drained;
  HttpCounters counters;
  std::size_t held = 0;  // bytes of all connections
  std::set<std::shared_ptr<HttpConnection>> connections;
  std::list<HttpConnection*> handshakes;  // oldest first
  // Reads of all connections go through these two: a buffer of its own would be most of an idle connection's memory.
  std::vector<char> buffer = std::vector<char>(65536), plain;

  void accept();
  void sweep_deadlines();
  void close_listener();
  void check_drained();
};

struct HttpConnection : std::enable_shared_from_this<HttpConnection>, HttpHeadJudge {
  // ending: the last answer is written; what still comes is thrown away until the client closes, because closing on
  // unread bytes would reset the connection and could take the answer with it.
  enum class Phase { handshake, idle, header, body, working, writing, ending };

  explicit HttpConnection(const std::shared_ptr<HttpServer::State>& state);

  void begin(bool surplus);
  void set_phase(Phase next);
  void close(bool reset = false);
  void refuse_late();
  void respond(HttpResponse response, bool keep_alive, bool head);
  bool accept(const HttpRequest& head, std::size_t& most) override;

  uv_tcp_t tcp{};
  std::shared_ptr<HttpConnection> self;  // released in the close callback
  Phase phase = Phase::idle;
  std::uint64_t deadline = 0;  // loop milliseconds; 0 = none

 private:
  void start_reading();
  void stop_reading();
  void read(ssize_t n);
  void received(std::string_view bytes);
  void input_ended();
  bool shake_hands();
  void pull();
  void next();
  void work(HttpRequest request);
  void push_deadline();
  void account(std::size_t bytes);
  void send(std::string head, std::string body, bool is_answer);
  void send_bytes(std::string first, std::string second, bool is_answer);
  void flush_tls();
  void written(bool is_answer, int status);
  void finish();
  void leave_handshake();

  std::weak_ptr<HttpServer::State> server_;
  HttpParser parser_;
  std::unique_ptr<TlsSession> tls_;
  std::unique_ptr<HttpResponse> refusal_;  // of the judge
  std::list<HttpConnection*>::iterator handshake_{};
  std::uint64_t phase_began_ = 0;  // loop milliseconds
  std::size_t held_ = 0;           // this one's part of the server's `held`
  std::size_t thrown_away_ = 0;
  bool is_shaking_ = false, is_reading_ = false, is_surplus_ = false, has_bytes_ = false;
  bool is_input_ended_ = false, close_after_ = false;
};

}  // namespace tidewatch
