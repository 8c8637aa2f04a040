// See curl_client.h. A descriptor is closed only after its uv_poll is gone (epoll would otherwise watch a number that
// already means another socket): the poll handle is closed in curl's own REMOVE call, which comes before.
#include "io/curl_client.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

namespace tidewatch {

namespace {

// What is used of libcurl, found when it is first needed: mapped, it and what it drags in (LDAP, Kerberos, SSH, a
// second TLS library) are a third of an idle engine's memory.
struct CurlLibrary {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
  decltype(&::curl_multi_init) multi_init = nullptr;
  decltype(&::curl_multi_setopt) multi_setopt = nullptr;
  decltype(&::curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&::curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&::curl_multi_info_read) multi_info_read = nullptr;
  decltype(&::curl_multi_socket_action) multi_socket_action = nullptr;
  decltype(&::curl_multi_cleanup) multi_cleanup = nullptr;
};

// Once a process, never unloaded: TLS libraries leave threads' ends and exit handlers behind.
Result<const CurlLibrary*> load_curl() {
  static const Result<const CurlLibrary*> loaded = []() -> Result<const CurlLibrary*> {
    void* handle = nullptr;
    // By the names of their ABI; Debian builds one against OpenSSL and one against GnuTLS.
    for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"})
      if (handle == nullptr) handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      const char* why = dlerror();
      return not_found(std::string("libcurl.so.4 cannot be loaded (") + (why == nullptr ? "?" : why) +
                       "): install libcurl4, which sends webhooks to https URLs and through proxies");
    }
    static CurlLibrary library;
    bool is_whole = true;
    const auto find = [&](auto& to, const char* name) {
      to = reinterpret_cast<std::remove_reference_t<decltype(to)>>(dlsym(handle, name));
      is_whole = is_whole && to != nullptr;
    };
    find(library.global_init, "curl_global_init");
    find(library.easy_init, "curl_easy_init");
    find(library.easy_reset, "curl_easy_reset");
    find(library.easy_cleanup, "curl_easy_cleanup");
    find(library.easy_setopt, "curl_easy_setopt");
    find(library.easy_getinfo, "curl_easy_getinfo");
    find(library.easy_strerror, "curl_easy_strerror");
    find(library.slist_append, "curl_slist_append");
    find(library.slist_free_all, "curl_slist_free_all");
    find(library.multi_init, "curl_multi_init");
    find(library.multi_setopt, "curl_multi_setopt");
    find(library.multi_add_handle, "curl_multi_add_handle");
    find(library.multi_remove_handle, "curl_multi_remove_handle");
    find(library.multi_info_read, "curl_multi_info_read");
    find(library.multi_socket_action, "curl_multi_socket_action");
    find(library.multi_cleanup, "curl_multi_cleanup");
    if (!is_whole || library.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      return invalid("the libcurl.so.4 of this machine is not one that this program knows: install libcurl4");
    return &library;
  }();
  return loaded;
}

struct Transfer {
  std::string url, body, text;
  Duration timeout{};
  std::size_t received = 0;
  curl_slist* headers = nullptr;
  char problem[CURL_ERROR_SIZE] = {};
  std::function<void(HttpReply)> then;
};

constexpr std::size_t most_answer_bytes = std::size_t{64} << 10;
constexpr std::size_t most_connections = 16;  // of one receiver
constexpr std::size_t most_idle_handles = 16;
constexpr std::size_t most_text = 300;

// "https://example.org:8443": what has its own connections.
std::string receiver_of(const std::string& url) {
  const auto scheme = url.find("://");
  return url.substr(0, url.find_first_of("/?#", scheme == std::string::npos ? 0 : scheme + 3));
}

// The answer's body is not used; it is read so that the connection can be kept, up to a cap.
std::size_t swallow(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  transfer->text.append(bytes, std::min(size * count, most_text - transfer->text.size()));
  transfer->received += size * count;
  return transfer->received > most_answer_bytes ? 0 : size * count;
}

}  // namespace

struct CurlClient::State {
  struct Watch {
    uv_poll_t poll{};
    State* state = nullptr;
    curl_socket_t socket = 0;
  };

  const CurlLibrary* library = nullptr;
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
      state->library->multi_socket_action(state->multi, watch->socket, flags, &running);
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
        [](uv_timer_t* due) {
          auto* state = static_cast<State*>(due->data);
          int running = 0;
          state->library->multi_socket_action(state->multi, CURL_SOCKET_TIMEOUT, 0, &running);
          state->finish();
        },
        static_cast<std::uint64_t>(ms), 0);
    return 0;
  }

  void finish() {
    int left = 0;
    while (CURLMsg* message = library->multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode code = message->data.result;
      auto node = transfers.extract(easy);
      HttpReply answer;
      long status = 0;
      library->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      curl_off_t retry_after = 0;
      library->easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
      answer.retry_after = seconds(std::clamp<curl_off_t>(retry_after, 0, 86'400));
      // An answer whose body was too long is still an answer.
      if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status != 0)) {
        answer.status = static_cast<int>(status);
        if (status < 200 || status > 299) answer.text = std::move(node.mapped()->text);
      } else {
        answer.problem = node.mapped()->problem[0] != 0 ? node.mapped()->problem : library->easy_strerror(code);
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
    library->multi_remove_handle(multi, easy);
    library->slist_free_all(transfer.headers);
    if (idle.size() < most_idle_handles) {
      library->easy_reset(easy);
      idle.push_back(easy);
    } else {
      library->easy_cleanup(easy);
    }
  }

  // With the first transfer.
  Done start() {
    if (multi != nullptr) return done();
    const auto loaded = load_curl();
    if (!loaded) return loaded.error();
    library = *loaded;
    multi = library->multi_init();
    library->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &State::on_socket);
    library->multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    library->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &State::on_timer);
    library->multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    library->multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(most_connections));
    library->multi_setopt(multi, CURLMOPT_MAXCONNECTS, 4 * static_cast<long>(most_connections));
    return done();
  }

  void begin(Receiver& receiver, std::unique_ptr<Transfer> transfer) {
    CURL* easy = nullptr;
    if (idle.empty()) {
      easy = library->easy_init();
    } else {
      easy = idle.back();
      idle.pop_back();
    }
    library->easy_setopt(easy, CURLOPT_URL, transfer->url.c_str());
    library->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    library->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    library->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    library->easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(transfer->timeout.ns / 1'000'000));
    library->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(transfer->timeout.ns / 2'000'000));
    library->easy_setopt(easy, CURLOPT_POST, 1L);
    library->easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body.data());
    library->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer->body.size()));
    library->easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    library->easy_setopt(easy, CURLOPT_USERAGENT, "tidewatch");
    library->easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    library->easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
    library->easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->problem);
    transfers.emplace(easy, std::move(transfer));
    ++receiver.active;
    library->multi_add_handle(multi, easy);
  }
};

CurlClient::CurlClient(Loop& loop) : state_(std::make_unique<State>()) {
  state_->loop = loop.raw();
  state_->timer = new uv_timer_t{};
  uv_timer_init(loop.raw(), state_->timer);
  state_->timer->data = state_.get();
}

CurlClient::~CurlClient() {
  for (auto& [easy, transfer] : state_->transfers) state_->release(easy, *transfer);
  for (auto& [name, receiver] : state_->receivers)
    for (auto& transfer : receiver.waiting) state_->library->slist_free_all(transfer->headers);
  for (CURL* easy : state_->idle) state_->library->easy_cleanup(easy);
  if (state_->multi != nullptr) state_->library->multi_cleanup(state_->multi);
  uv_close(reinterpret_cast<uv_handle_t*>(state_->timer),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
}

Done CurlClient::available() {
  const auto loaded = load_curl();
  return loaded ? done() : loaded.error();
}

void CurlClient::post(const std::string& url, const std::vector<std::string>& headers, std::string body,
                      Duration timeout, std::function<void(HttpReply)> then) {
  if (const Done started = state_->start(); !started) {
    HttpReply reply;
    reply.problem = started.error().text;
    return then(std::move(reply));
  }
  auto transfer = std::make_unique<Transfer>();
  transfer->url = url;
  transfer->body = std::move(body);
  transfer->timeout = timeout;
  transfer->then = std::move(then);
  for (const auto& header : headers)
    transfer->headers = state_->library->slist_append(transfer->headers, header.c_str());
  transfer->headers = state_->library->slist_append(transfer->headers, "Expect:");
  State::Receiver& receiver = state_->receivers[receiver_of(url)];
  if (receiver.active < most_connections)
    state_->begin(receiver, std::move(transfer));
  else
    receiver.waiting.push_back(std::move(transfer));
}

}  // namespace tidewatch
