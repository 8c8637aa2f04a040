// POSTs over plain HTTP on the libuv loop: one write and one read a request on a kept connection, nothing allocated
// that can be kept. A storm of alerts is thousands of them at once, and most receivers are a neighbour on the same
// machine or network. What is not plain (TLS, a proxy, a user in the URL) is libcurl's (decision 0022).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "io/http_answer.h"
#include "io/loop.h"

namespace tidewatch {

// What became of a request, whoever sent it.
struct HttpReply {
  int status = 0;       // 0: no answer, `problem` says why
  std::string problem;  // "cannot connect to 127.0.0.1:9: connection refused"
  Duration retry_after{0};
  std::string text;  // the first 300 bytes of the body, when it is not 2xx
};

struct PlainUrl {
  std::string host;       // a name, 127.0.0.1 or ::1
  int port = 80;          // 1..65535
  std::string authority;  // what Host says
  std::string target;     // path and query, begins with a slash
};

// Null for everything but http://HOST[:PORT][/PATH][?QUERY] of plain characters: that is left to libcurl.
std::optional<PlainUrl> read_plain_url(std::string_view url);

// At most `most_connections` kept connections a receiver (host and port); what is more waits here and its time begins
// when its turn comes. A kept connection that turns out to be closed before a byte came back costs one more attempt on
// a new one, which nobody hears of.
class PlainClient {
 public:
  static constexpr std::size_t most_connections = 16;

  explicit PlainClient(Loop& loop);
  ~PlainClient();  // transfers in work end without an answer

  // `headers` are whole lines without CR LF. `timeout` is for connecting (half of it at most) and answering together.
  // `then` is called once on the loop's thread, never before post() returns.
  void post(const PlainUrl& url, const std::vector<std::string>& headers, std::string body, Duration timeout,
            std::function<void(HttpReply)> then);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
