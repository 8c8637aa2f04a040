// Sends the lines of a file as POST bodies over kept connections and counts what the server says it accepted: Python's
// client tops out near what the engine takes. Every line begins with {"ts": and 13 digits, which are rewritten before
// sending: `now` (the wall clock, as live traffic has it) or `shift` (the file's own times, moved on by its span each
// time the file begins again), so that no record is ever late only because the load is short.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
#include <vector>

#include "flags.h"

namespace {

double steady() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
long long wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

constexpr std::size_t digits_at = 6, digits = 13;  // {"ts":NNNNNNNNNNNNN

struct Body {
  std::size_t begin, size;
  std::vector<std::size_t> lines;  // offsets inside the body
};

struct Connection {
  int socket = -1;
  std::string out, in;
  std::size_t sent = 0;
  double began = 0;
  long records = 0;
  bool is_busy = false;
};

struct Load {
  std::string data, head;
  std::vector<Body> bodies;
  std::string stamp;
  long long span_ms = 0;
  std::size_t next = 0;
  long long passes = 0;
  long sent_records = 0, accepted = 0, answers = 0, refused = 0;
  std::string first_refusal;
  std::vector<float> latencies;  // microseconds

  void cut(std::size_t most_bytes, std::size_t most_lines) {
    std::size_t at = 0;
    while (at < data.size()) {
      Body body{at, 0, {}};
      while (at < data.size() && body.lines.size() < most_lines && (body.lines.empty() || body.size < most_bytes)) {
        const std::size_t end = data.find('\n', at);
        const std::size_t length = (end == std::string::npos ? data.size() : end + 1) - at;
        body.lines.push_back(body.size);
        body.size += length;
        at += length;
      }
      bodies.push_back(std::move(body));
    }
  }

  void fill(Connection& c) {
    const Body& body = bodies[next];
    c.out = head + std::to_string(body.size) + "\r\n\r\n";
    const std::size_t start = c.out.size();
    c.out.append(data, body.begin, body.size);
    if (stamp != "none") {
      const long long now = wall_ms();
      for (const std::size_t line : body.lines) {
        char* at = c.out.data() + start + line + digits_at;
        long long ts = now;
        if (stamp == "shift") {
          if (passes == 0) break;
          ts = 0;
          for (std::size_t i = 0; i < digits; ++i) ts = ts * 10 + (at[i] - '0');
          ts += passes * span_ms;
        }
        for (std::size_t i = digits; i-- > 0; ts /= 10) at[i] = static_cast<char>('0' + ts % 10);
      }
    }
    c.records = static_cast<long>(body.lines.size());
    c.sent = 0;
    c.in.clear();
    c.is_busy = true;
    c.began = steady();
    sent_records += c.records;
    if (++next == bodies.size()) next = 0, ++passes;
  }

  // True when the answer is whole.
  bool answered(Connection& c) {
    const std::size_t end = c.in.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    std::size_t length = 0;
    for (const char* name : {"Content-Length: ", "content-length: "})
      if (const std::size_t at = c.in.find(name); at < end) length = std::strtoul(c.in.c_str() + at + 16, nullptr, 10);
    if (c.in.size() < end + 4 + length) return false;
    latencies.push_back(static_cast<float>((steady() - c.began) * 1e6));
    ++answers;
    if (c.in.compare(9, 1, "2") != 0) {
      if (refused++ == 0) first_refusal = c.in.substr(9, 3) + " " + c.in.substr(end + 4, 100);
    } else if (const std::size_t at = c.in.find("\"accepted\":", end); at != std::string::npos) {
      accepted += std::strtol(c.in.c_str() + at + 11, nullptr, 10);
    }
    c.is_busy = false;
    return true;
  }
};

int dial(long port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
    return std::perror("connect"), std::exit(1), -1;
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  return socket;
}

}  // namespace

int main(int count, char** words) {
  const Flags flags(count, words,
                    {{"port", "0"},
                     {"path", "/api/v1/records/predictions"},
                     {"type", "application/x-ndjson"},
                     {"file", ""},
                     {"bytes", "65000"},
                     {"lines", "1000000"},
                     {"connections", "8"},
                     {"seconds", "4"},
                     {"records", "1000000000"},
                     {"stamp", "now"},
                     {"span-ms", "0"},
                     {"rate", "0"}});
  Load load;
  {
    std::ifstream in(flags.text("file"), std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    load.data = all.str();
  }
  if (load.data.empty()) return std::fprintf(stderr, "no records in %s\n", flags.text("file").c_str()), 1;
  load.cut(static_cast<std::size_t>(flags.whole("bytes")), static_cast<std::size_t>(flags.whole("lines")));
  load.stamp = flags.text("stamp");
  load.span_ms = flags.whole("span-ms");
  load.head = "POST " + flags.text("path") + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: " + flags.text("type") +
              "\r\nContent-Length: ";
  const double rate = flags.number("rate"), seconds = flags.number("seconds");
  const long most = flags.whole("records");

  std::vector<Connection> connections(static_cast<std::size_t>(flags.whole("connections")));
  const int poll = ::epoll_create1(0);
  for (std::size_t i = 0; i < connections.size(); ++i) {
    connections[i].socket = dial(flags.whole("port"));
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = i;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].socket, &event);
  }
  const double start = steady();
  bool is_over = false;
  const auto drive = [&](Connection& c) {
    while (true) {
      if (!c.is_busy) {
        if (is_over || load.sent_records >= most) return;
        if (rate > 0 && static_cast<double>(load.sent_records) > rate * (steady() - start)) return;
        load.fill(c);
      }
      while (c.sent < c.out.size()) {
        const ssize_t n = ::send(c.socket, c.out.data() + c.sent, c.out.size() - c.sent, MSG_NOSIGNAL);
        if (n < 0) {
          if (errno == EAGAIN) break;
          std::perror("send"), std::exit(1);
        }
        c.sent += static_cast<std::size_t>(n);
      }
      char buffer[16384];
      const ssize_t n = ::recv(c.socket, buffer, sizeof buffer, 0);
      if (n == 0 || (n < 0 && errno != EAGAIN)) std::fputs("the server closed a connection\n", stderr), std::exit(1);
      if (n < 0) return;
      c.in.append(buffer, static_cast<std::size_t>(n));
      load.answered(c);
    }
  };
  for (auto& c : connections) drive(c);
  epoll_event events[64];
  double last_answer = start;
  while (true) {
    const int ready = ::epoll_wait(poll, events, 64, rate > 0 ? 1 : 100);
    const double now = steady();
    is_over = now - start >= seconds || load.sent_records >= most;
    const long before = load.answers;
    for (int i = 0; i < ready; ++i) drive(connections[events[i].data.u64]);
    if (rate > 0)
      for (auto& c : connections)
        if (!c.is_busy) drive(c);
    if (load.answers != before) last_answer = steady();
    const bool is_idle = std::none_of(connections.begin(), connections.end(), [](const auto& c) { return c.is_busy; });
    if (is_over && (is_idle || now - start > seconds + 30)) break;
  }
  const double took = last_answer - start;
  auto& l = load.latencies;
  std::sort(l.begin(), l.end());
  const auto at = [&](double q) {
    return l.empty() ? 0.0 : l[std::min(l.size() - 1, static_cast<std::size_t>(q * static_cast<double>(l.size())))];
  };
  for (char& c : load.first_refusal)
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 32) c = '\'';
  std::printf(
      "{\"seconds\": %.6f, \"sent\": %ld, \"accepted\": %ld, \"answers\": %ld, \"refused\": %ld, \"p50_us\": %.1f, "
      "\"p99_us\": %.1f, \"first_refusal\": \"%s\"}\n",
      took, load.sent_records, load.accepted, load.answers, load.refused, at(0.5), at(0.99),
      load.first_refusal.c_str());
  return 0;
}
