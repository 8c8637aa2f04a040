// POSTs with libcurl on the libuv loop: curl says which sockets to watch, uv_poll watches them, no thread is spent on a
// slow receiver. For what the plain client leaves: TLS, proxies, users in URLs. Redirects are not followed: a webhook
// that moved is a configuration error. libcurl is loaded with the first such transfer, not linked (decision 0022).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/loop.h"
#include "io/plain_client.h"

namespace tidewatch {

// At most 16 kept connections a receiver, what is more waits for its turn here and its time begins then.
class CurlClient {
 public:
  explicit CurlClient(Loop& loop);
  ~CurlClient();  // transfers in work end without an answer
  // Loads libcurl; the error names the package that lacks.
  static Done available();
  // As PlainClient::post; `then` comes before post() returns when libcurl cannot be loaded.
  void post(const std::string& url, const std::vector<std::string>& headers, std::string body, Duration timeout,
            std::function<void(HttpReply)> then);
  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
