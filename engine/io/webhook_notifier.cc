// See webhook_notifier.h.
#include "io/webhook_notifier.h"

#include <cstdlib>

namespace tidewatch {

HttpClient::HttpClient(Loop& loop) : loop_(loop), plain_(loop) {
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    const char* value = std::getenv(name);
    has_proxy_ = has_proxy_ || (value != nullptr && *value != 0);
  }
}

const std::optional<PlainUrl>& HttpClient::plain(const std::string& url) {
  const auto [it, is_new] = urls_.try_emplace(url);
  if (is_new && !has_proxy_) it->second = read_plain_url(url);
  return it->second;
}

Done HttpClient::reachable(const std::string& url) {
  if (url.empty() || plain(url)) return done();
  return CurlClient::available();
}

void HttpClient::post(const std::string& url, const std::vector<std::string>& headers, std::string body,
                      Duration timeout, std::function<void(Answer)> then) {
  if (const auto& plain_url = plain(url))
    return plain_.post(*plain_url, headers, std::move(body), timeout, std::move(then));
  if (!curl_) curl_ = std::make_unique<CurlClient>(loop_);
  curl_->post(url, headers, std::move(body), timeout, std::move(then));
}

WebhookNotifier::WebhookNotifier(HttpClient& client, std::string url, Duration timeout)
    : client_(client), url_(std::move(url)), timeout_(timeout) {}

void WebhookNotifier::send(const StoredNotification& notification, std::function<void(SendResult)> then) {
  std::string key = notification.key;  // labels may hold anything; a header may not
  for (char& c : key)
    if (static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126) c = '_';
  client_.post(url_, {"Content-Type: application/json", "Idempotency-Key: " + key}, notification.payload, timeout_,
               [then = std::move(then)](const HttpClient::Answer& answer) {
                 if (answer.status == 0) return then({SendResult::Kind::retry, answer.problem, answer.retry_after});
                 const std::string text = std::to_string(answer.status);
                 if (answer.status >= 200 && answer.status < 300) return then({SendResult::Kind::accepted, text});
                 const bool again = answer.status == 408 || answer.status == 429 || answer.status >= 500;
                 then({again ? SendResult::Kind::retry : SendResult::Kind::failed, text, answer.retry_after});
               });
}

}  // namespace tidewatch
