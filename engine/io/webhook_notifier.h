// One POST a notification. Which client sends it depends on the URL alone: plain HTTP goes over connections of our own,
// everything else through libcurl, which is loaded then.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/curl_client.h"
#include "io/loop.h"
#include "io/notifier.h"
#include "io/plain_client.h"

namespace tidewatch {

// The transfers of one loop, shared by all webhook notifiers: at most 16 kept connections a receiver. A storm of alerts
// must not become a storm of connections.
class HttpClient {
 public:
  using Answer = HttpReply;
  // A proxy in the environment (http_proxy, all_proxy, ALL_PROXY, as libcurl reads them) makes every transfer
  // libcurl's.
  explicit HttpClient(Loop& loop);
  void post(const std::string& url, const std::vector<std::string>& headers, std::string body, Duration timeout,
            std::function<void(Answer)> then);
  // Why this URL cannot be sent to on this machine: asked at the start, so that it is not learnt from a lost page.
  Done reachable(const std::string& url);

 private:
  const std::optional<PlainUrl>& plain(const std::string& url);

  Loop& loop_;
  bool has_proxy_ = false;
  std::map<std::string, std::optional<PlainUrl>> urls_;  // read once each
  PlainClient plain_;
  std::unique_ptr<CurlClient> curl_;
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
