// A webhook receiver that answers 200 at once and notes when each body came and whose it was: the `"key":"..."` in it.
// Instants are the wall clock's, taken when the last byte of a body has been read, so that a sender in another process
// can be compared. It prints its port, then a line a body `SECONDS KEY STATUS` once `expect` bodies came, `seconds`
// have passed, or its input closes; the last line is `connections N`.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "flags.h"

namespace {

double wall() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

struct Arrival {
  double at;
  std::string key, status;
};

std::string field(const std::string& text, std::size_t from, std::size_t to, const std::string& name) {
  const std::size_t at = text.find("\"" + name + "\":\"", from);
  if (at == std::string::npos || at >= to) return "-";
  const std::size_t begin = at + name.size() + 4, end = text.find('"', begin);
  return text.substr(begin, end - begin);
}

}  // namespace

int main(int count, char** words) {
  const Flags flags(count, words, {{"port", "0"}, {"expect", "1000000000"}, {"seconds", "60"}});
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(static_cast<std::uint16_t>(flags.whole("port")));
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0) return std::perror("bind"), 1;
  ::listen(listener, 4096);
  socklen_t length = sizeof here;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&here), &length);
  std::printf("%d\n", ntohs(here.sin_port));
  std::fflush(stdout);

  const int poll = ::epoll_create1(0);
  const auto watch = [&](int socket) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event);
  };
  watch(listener);
  watch(STDIN_FILENO);
  std::map<int, std::string> open;
  std::vector<Arrival> arrivals;
  long connections = 0;
  const auto expect = static_cast<std::size_t>(flags.whole("expect"));
  const double until = wall() + flags.number("seconds");
  static const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  bool is_over = false;
  while (!is_over && arrivals.size() < expect && wall() < until) {
    epoll_event events[256];
    const int ready = ::epoll_wait(poll, events, 256, 200);
    for (int i = 0; i < ready; ++i) {
      const int socket = events[i].data.fd;
      if (socket == STDIN_FILENO) {
        is_over = true;
        continue;
      }
      if (socket == listener) {
        for (int one; (one = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0; ++connections) {
          ::setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          open[one];
          watch(one);
        }
        continue;
      }
      char buffer[65536];
      const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
      if (n <= 0) {
        ::close(socket);
        open.erase(socket);
        continue;
      }
      std::string& in = open[socket];
      in.append(buffer, static_cast<std::size_t>(n));
      while (true) {
        const std::size_t end = in.find("\r\n\r\n");
        if (end == std::string::npos) break;
        std::size_t size = 0;
        for (const char* name : {"\r\nContent-Length: ", "\r\ncontent-length: "})
          if (const std::size_t at = in.find(name); at < end) size = std::strtoul(in.c_str() + at + 18, nullptr, 10);
        const std::size_t whole = end + 4 + size;
        if (in.size() < whole) break;
        arrivals.push_back({wall(), field(in, end, whole, "key"), field(in, end, whole, "status")});
        in.erase(0, whole);
        if (::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
      }
    }
  }
  for (const auto& a : arrivals) std::printf("%.6f %s %s\n", a.at, a.key.c_str(), a.status.c_str());
  std::printf("connections %ld\n", connections);
  return 0;
}
