// POSTs notification bodies with libcurl on the libuv loop: curl says which sockets to watch, uv_poll watches them, no
// thread is spent on a slow receiver. Redirects are not followed: a webhook that moved is a configuration error.
#pragma once

#include <memory>
#include <string>

#include "io/loop.h"
#include "io/notifier.h"

namespace tidewatch {

// The transfers of one loop, shared by all webhook notifiers: at most 16 kept connections a receiver, what is more
// waits for its turn here and its time begins then. A storm of alerts must not become a storm of connections.
class HttpClient {
 public:
  struct Answer {
    int status = 0;  // 0: no answer, `problem` says why
    std::string problem;
    Duration retry_after{0};  // Retry-After in seconds
  };
  explicit HttpClient(Loop& loop);
  ~HttpClient();  // transfers in work end without an answer
  void post(const std::string& url, const std::vector<std::string>& headers, std::string body, Duration timeout,
            std::function<void(Answer)> then);
  struct State;

 private:
  std::unique_ptr<State> state_;
};

class WebhookNotifier : public Notifier {
 public:
  // `client` is borrowed. 2xx is accepted; transport errors, 408, 429 and 5xx are retried; anything else is final.
  WebhookNotifier(HttpClient& client, std::string url, Duration timeout = seconds(10));
  void send(const StoredNotification& notification, std::function<void(SendResult)> then) override;

 private:
  HttpClient& client_;
  std::string url_;
  Duration timeout_;
};

}  // namespace tidewatch
