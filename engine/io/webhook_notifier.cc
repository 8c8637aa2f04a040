// See webhook_notifier.h. A descriptor is closed only after its uv_poll is gone (epoll would otherwise watch a number
// that already means another socket): the poll handle is closed in curl's own REMOVE call, which comes before.
#include "io/webhook_notifier.h"

#include <curl/curl.h>

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

namespace tidewatch {

namespace {

struct Transfer {
  std::string url, body;
  Duration timeout{};
  std::size_t received = 0;
  curl_slist* headers = nullptr;
  char problem[CURL_ERROR_SIZE] = {};
  std::function<void(HttpClient::Answer)> then;
};

constexpr std::size_t most_answer_bytes = std::size_t{64} << 10;
constexpr std::size_t most_connections = 16;  // of one receiver
constexpr std::size_t most_idle_handles = 16;

// "https://example.org:8443": what has its own connections.
std::string receiver_of(const std::string& url) {
  const auto scheme = url.find("://");
  return url.substr(0, url.find_first_of("/?#", scheme == std::string::npos ? 0 : scheme + 3));
}

// The answer's body is not used; it is read so that the connection can be kept, up to a cap.
std::size_t swallow(char*, std::size_t size, std::size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  transfer->received += size * count;
  return transfer->received > most_answer_bytes ? 0 : size * count;
}

}  // namespace

struct HttpClient::State {
  struct Watch {
    uv_poll_t poll{};
    State* state = nullptr;
    curl_socket_t socket = 0;
  };

  uv_loop_t* loop = nullptr;
  CURLM* multi = nullptr;
  uv_timer_t* timer = nullptr;
  struct Receiver {
    std::size_t active = 0;
    std::deque<std::unique_ptr<Transfer>> waiting;
  };
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> transfers;
  std::map<std::string, Receiver> receivers;
  std::vector<CURL*> idle;  // made once: a handle costs more than a transfer on a kept connection
  std::map<curl_socket_t, Watch*> watches;
  bool is_ending = false;

  static int on_socket(CURL*, curl_socket_t socket, int what, void* user, void*) {
    auto* self = static_cast<State*>(user);
    auto it = self->watches.find(socket);
    if (what == CURL_POLL_REMOVE) {
      if (it != self->watches.end()) {
        uv_poll_stop(&it->second->poll);
        uv_close(reinterpret_cast<uv_handle_t*>(&it->second->poll),
                 [](uv_handle_t* handle) { delete static_cast<Watch*>(handle->data); });
        self->watches.erase(it);
      }
      return 0;
    }
    if (it == self->watches.end()) {
      auto* watch = new Watch;
      watch->state = self;
      watch->socket = socket;
      uv_poll_init_socket(self->loop, &watch->poll, socket);
      watch->poll.data = watch;
      it = self->watches.emplace(socket, watch).first;
    }
    const int events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) | ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    uv_poll_start(&it->second->poll, events, [](uv_poll_t* handle, int status, int seen) {
      auto* watch = static_cast<Watch*>(handle->data);
      State* state = watch->state;
      int flags = status < 0 ? CURL_CSELECT_ERR : 0;
      if ((seen & UV_READABLE) != 0) flags |= CURL_CSELECT_IN;
      if ((seen & UV_WRITABLE) != 0) flags |= CURL_CSELECT_OUT;
      int running = 0;
      curl_multi_socket_action(state->multi, watch->socket, flags, &running);
      state->finish();
    });
    return 0;
  }

  static int on_timer(CURLM*, long ms, void* user) {
    auto* self = static_cast<State*>(user);
    if (ms < 0) {
      uv_timer_stop(self->timer);
      return 0;
    }
    uv_update_time(self->loop);
    // Never inside curl's own call: 0 still means the loop's next turn.
    uv_timer_start(
        self->timer,
        [](uv_timer_t* timer) {
          auto* state = static_cast<State*>(timer->data);
          int running = 0;
          curl_multi_socket_action(state->multi, CURL_SOCKET_TIMEOUT, 0, &running);
          state->finish();
        },
        static_cast<std::uint64_t>(ms), 0);
    return 0;
  }

  void finish() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode code = message->data.result;
      auto node = transfers.extract(easy);
      Answer answer;
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      curl_off_t retry_after = 0;
      curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
      answer.retry_after = seconds(std::clamp<curl_off_t>(retry_after, 0, 86'400));
      // An answer whose body was too long is still an answer.
      if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status != 0)) {
        answer.status = static_cast<int>(status);
      } else {
        answer.problem = node.mapped()->problem[0] != 0 ? node.mapped()->problem : curl_easy_strerror(code);
      }
      release(easy, *node.mapped());
      const auto receiver = receivers.find(receiver_of(node.mapped()->url));
      --receiver->second.active;
      if (!receiver->second.waiting.empty()) {
        auto next = std::move(receiver->second.waiting.front());
        receiver->second.waiting.pop_front();
        begin(receiver->second, std::move(next));
      } else if (receiver->second.active == 0) {
        receivers.erase(receiver);
      }
      node.mapped()->then(std::move(answer));
    }
  }

  void release(CURL* easy, Transfer& transfer) {
    curl_multi_remove_handle(multi, easy);
    curl_slist_free_all(transfer.headers);
    if (idle.size() < most_idle_handles) {
      curl_easy_reset(easy);
      idle.push_back(easy);
    } else {
      curl_easy_cleanup(easy);
    }
  }

  // With the first transfer: curl's start costs megabytes of libraries that an engine without webhooks has no use for.
  void start() {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)started;
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &State::on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &State::on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(most_connections));
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 4 * static_cast<long>(most_connections));
  }

  void begin(Receiver& receiver, std::unique_ptr<Transfer> transfer) {
    if (multi == nullptr) start();
    CURL* easy = nullptr;
    if (idle.empty()) {
      easy = curl_easy_init();
    } else {
      easy = idle.back();
      idle.pop_back();
    }
    curl_easy_setopt(easy, CURLOPT_URL, transfer->url.c_str());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(transfer->timeout.ns / 1'000'000));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(transfer->timeout.ns / 2'000'000));
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer->body.size()));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "tidewatch");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->problem);
    transfers.emplace(easy, std::move(transfer));
    ++receiver.active;
    curl_multi_add_handle(multi, easy);
  }
};

HttpClient::HttpClient(Loop& loop) : state_(std::make_unique<State>()) {
  state_->loop = loop.raw();
  state_->timer = new uv_timer_t{};
  uv_timer_init(loop.raw(), state_->timer);
  state_->timer->data = state_.get();
}

HttpClient::~HttpClient() {
  for (auto& [easy, transfer] : state_->transfers) state_->release(easy, *transfer);
  for (auto& [name, receiver] : state_->receivers)
    for (auto& transfer : receiver.waiting) curl_slist_free_all(transfer->headers);
  for (CURL* easy : state_->idle) curl_easy_cleanup(easy);
  if (state_->multi != nullptr) curl_multi_cleanup(state_->multi);
  uv_close(reinterpret_cast<uv_handle_t*>(state_->timer),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
}

void HttpClient::post(const std::string& url, const std::vector<std::string>& headers, std::string body,
                      Duration timeout, std::function<void(Answer)> then) {
  auto transfer = std::make_unique<Transfer>();
  transfer->url = url;
  transfer->body = std::move(body);
  transfer->timeout = timeout;
  transfer->then = std::move(then);
  for (const auto& header : headers) transfer->headers = curl_slist_append(transfer->headers, header.c_str());
  transfer->headers = curl_slist_append(transfer->headers, "Expect:");
  State::Receiver& receiver = state_->receivers[receiver_of(url)];
  if (receiver.active < most_connections)
    state_->begin(receiver, std::move(transfer));
  else
    receiver.waiting.push_back(std::move(transfer));
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
