// The outbox over a real store, with receivers that refuse, hold back and remember, and virtual time; and the HTTP
// client under a storm.
#include "io/outbox.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/log.h"
#include "io/http_server.h"
#include "io/webhook_notifier.h"

#include "../temporary_folder.h"

using namespace tidewatch;

namespace {

struct Receiver : Notifier {
  std::vector<std::string> came;  // keys, an attempt each
  std::vector<std::pair<StoredNotification, std::function<void(SendResult)>>> held;
  bool holds = false;
  std::function<SendResult(const StoredNotification&)> answer = [](const auto&) { return SendResult{}; };

  void send(const StoredNotification& n, std::function<void(SendResult)> then) override {
    came.push_back(n.key);
    if (holds) return held.emplace_back(n, std::move(then)), void();
    then(answer(n));
  }
};

// Store, worker, queue and outbox; `restart` is a process that died: what was not on disk is gone.
struct Process {
  TemporaryFolder folder;
  Instant now = *parse_instant("2026-03-02T08:00:00");
  Loop loop;
  std::unique_ptr<Store> store;
  std::unique_ptr<StoreWorker> worker;
  std::unique_ptr<CommitQueue> commits;
  std::unique_ptr<Outbox> outbox;
  std::shared_ptr<Receiver> page = std::make_shared<Receiver>(), mail = std::make_shared<Receiver>();
  int commit_count = 0;

  Process() {
    log::configure(log::Level::error, log::Format::logfmt);
    restart();
  }
  ~Process() {
    outbox.reset();
    commits.reset();
    worker.reset();
    store.reset();
  }
  void restart() {
    outbox.reset();
    commits.reset();
    worker.reset();
    store.reset();
    store = std::move(*Store::open(folder.path()));
    worker = std::make_unique<StoreWorker>(loop, *store);
    commits = std::make_unique<CommitQueue>(*worker);
    outbox = std::make_unique<Outbox>(
        *worker, *commits, [this] { return now; }, 1);
    outbox->recover(*store);
    commits->on_commit = [this](bool, double) { ++commit_count; };
    commits->on_queued = [this](std::vector<StoredNotification> rows) { outbox->queued(std::move(rows)); };
    outbox->set_notifiers({{"p/page", page}, {"p/mail", mail}});
    outbox->wake();
    settle();
  }
  void finish() {
    do worker->wait();
    while (!worker->is_idle());
  }
  void settle() {
    do {
      finish();
      commits->flush();  // of results, which wait for a commit of others
    } while (!worker->is_idle());
  }
  // "monitor|labels", then a count of the transition: the subject is what stands before the last two bars.
  StoredNotification row(const std::string& subject, int n, const std::string& notifier = "p/page") const {
    StoredNotification r;
    r.key = subject + "|" + std::to_string(n) + "|0";
    r.notifier = notifier;
    r.payload = "{\"n\":" + std::to_string(n) + "}";
    r.next_at = r.created_at = now;
    r.give_up_at = now + hours(24);
    return r;
  }
  void add(std::vector<StoredNotification> rows) {
    Store::Commit part;
    part.notifications = std::move(rows);
    commits->add(std::move(part), {});
    settle();
  }
  std::map<std::string, std::string> states() {
    std::map<std::string, std::string> out;
    worker->run([&](Store& s) {
      const auto rows = s.notifications(100'000);
      for (const auto& n : *rows) out[n.key] = n.state;
    });
    worker->wait();
    return out;
  }
};

SendResult retry() { return {SendResult::Kind::retry, "503", {}}; }

}  // namespace

TEST_CASE("five thousand messages of one commit are all sent once, and their results share a few commits") {
  Process p;
  std::vector<StoredNotification> rows;
  for (int i = 0; i < 5000; ++i) rows.push_back(p.row("m|k" + std::to_string(i), 1));
  p.add(rows);
  CHECK(p.page->came.size() == 5000);
  CHECK(std::set<std::string>(p.page->came.begin(), p.page->came.end()).size() == 5000);
  CHECK(p.commit_count <= 10);
  for (const auto& [key, state] : p.states()) CHECK(state == "accepted");
  CHECK(p.outbox->is_idle());
  CHECK(p.outbox->next_due() == far_future);
}

TEST_CASE("no notifier is handed more than it can be waited for, and a silent one does not hold up another") {
  Process p;
  p.page->holds = true;
  std::vector<StoredNotification> rows;
  for (int i = 0; i < 3000; ++i) rows.push_back(p.row("m|k" + std::to_string(i), 1));
  rows.push_back(p.row("m|last", 1, "p/mail"));
  p.add(rows);
  CHECK(p.page->held.size() == 64);
  CHECK(p.mail->came.size() == 1);
  while (!p.page->held.empty()) {
    auto held = std::exchange(p.page->held, {});
    for (auto& [row, then] : held) then({});
    p.settle();
  }
  CHECK(std::set<std::string>(p.page->came.begin(), p.page->came.end()).size() == 3000);
  CHECK(p.page->came.size() == 3000);
}

TEST_CASE("rows of one subject go one after the other, also while the first is refused; others do not wait") {
  Process p;
  int refusals = 3;
  p.page->answer = [&](const StoredNotification& n) {
    return n.key == "m|a|1|0" && refusals-- > 0 ? retry() : SendResult{};
  };
  p.add({p.row("m|a", 1), p.row("m|a", 2), p.row("m|b", 1)});
  CHECK(p.page->came == std::vector<std::string>{"m|a|1|0", "m|b|1|0"});
  p.add({p.row("m|a", 3)});
  CHECK(p.page->came.size() == 2);
  for (int i = 0; i < 30; ++i) {
    p.now = p.now + seconds(1);
    if (p.outbox->next_due() <= p.now) p.outbox->wake();
    p.settle();
  }
  CHECK(p.page->came ==
        std::vector<std::string>{"m|a|1|0", "m|b|1|0", "m|a|1|0", "m|a|1|0", "m|a|1|0", "m|a|2|0", "m|a|3|0"});
}

TEST_CASE("a refused message is tried again no earlier than its back-off, and given up after 24 hours") {
  Process p;
  p.page->answer = [](const auto&) { return retry(); };
  p.add({p.row("m|a", 1)});
  CHECK(p.outbox->next_due() >= p.now + milliseconds(800));
  CHECK(p.outbox->next_due() <= p.now + milliseconds(1200));
  const Instant end = p.now + hours(24);
  while (p.outbox->next_due() != far_future) {
    REQUIRE(p.now < end + minutes(1));
    p.now = p.outbox->next_due();
    p.outbox->wake();
    p.settle();
  }
  CHECK(p.now >= end);
  CHECK(p.states()["m|a|1|0"] == "failed");
}

TEST_CASE("what has no result on disk when the process dies is sent again under its key, what has one is not") {
  Process p;
  p.add({p.row("m|done", 1)});
  p.page->holds = true;
  p.add({p.row("m|a", 1), p.row("m|a", 2), p.row("m|b", 1)});
  CHECK(p.page->came == std::vector<std::string>{"m|done|1|0", "m|a|1|0", "m|b|1|0"});
  p.page = std::make_shared<Receiver>();
  p.restart();
  CHECK(p.page->came == std::vector<std::string>{"m|a|1|0", "m|b|1|0", "m|a|2|0"});
  p.page->came.clear();
  p.restart();
  CHECK(p.page->came.empty());
}

TEST_CASE("that a message was accepted is noted with the next commit, or after a fifth of a second") {
  Process p;
  const auto give = [&](const StoredNotification& row) {
    Store::Commit part;
    part.notifications.push_back(row);
    p.commits->add(std::move(part), {});
    p.finish();
  };
  give(p.row("m|a", 1));
  CHECK(p.page->came.size() == 1);
  CHECK(p.commit_count == 1);
  CHECK(p.outbox->next_due() == p.now + milliseconds(200));
  p.now = p.now + milliseconds(100);
  give(p.row("m|a", 2));  // behind the first, whose result is in the same commit
  CHECK(p.page->came.size() == 2);
  CHECK(p.commit_count == 2);
  CHECK(p.states()["m|a|1|0"] == "accepted");
  CHECK(p.states()["m|a|2|0"] == "queued");
  CHECK(p.outbox->next_due() == p.now + milliseconds(200));
  p.now = p.now + milliseconds(199);
  p.outbox->wake();
  p.finish();
  CHECK(p.commit_count == 2);
  p.now = p.now + milliseconds(1);
  p.outbox->wake();
  p.finish();
  CHECK(p.commit_count == 3);
  CHECK(p.states()["m|a|2|0"] == "accepted");
  CHECK(p.outbox->next_due() == far_future);
}

TEST_CASE("a known key queued again is not sent again, and a message for a notifier that is gone fails") {
  Process p;
  p.add({p.row("m|a", 1)});
  p.add({p.row("m|a", 1), p.row("m|x", 1, "p/gone")});
  CHECK(p.page->came.size() == 1);
  CHECK(p.states()["m|x|1|0"] == "failed");
}

TEST_CASE("payloads that do not fit in memory are read from disk when their turn comes") {
  Process p;
  p.page->holds = true;
  std::vector<StoredNotification> rows;
  for (int i = 0; i < 200; ++i) {
    rows.push_back(p.row("m|k" + std::to_string(i), 1));
    rows.back().payload = std::string(200'000, static_cast<char>('a' + i % 26));
  }
  p.add(rows);
  std::set<std::string> keys;
  while (!p.page->held.empty()) {
    auto held = std::exchange(p.page->held, {});
    for (auto& [row, then] : held) {
      CHECK(row.payload.size() == 200'000);
      CHECK(row.payload[7] == static_cast<char>('a' + std::stoi(row.key.substr(3)) % 26));
      keys.insert(row.key);
      then({});
    }
    p.settle();
  }
  CHECK(keys.size() == 200);
}

TEST_CASE("a storm of posts goes over at most sixteen connections, and each is answered") {
  Loop loop;
  std::size_t seen = 0;
  HttpServerOptions options;
  options.port = 0;
  auto server = HttpServer::listen(loop, options, [&](HttpRequest request, HttpServer::Respond respond) {
    ++seen;
    respond({request.body == "7" ? 500 : 200, "text/plain", "ok"});
  });
  REQUIRE(server);
  const std::string url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/hook";
  int good = 0, bad = 0;
  HttpClient client(loop);
  for (int i = 0; i < 500; ++i)
    client.post(url, {"Content-Type: text/plain"}, std::to_string(i), seconds(10),
                [&](const HttpClient::Answer& a) { (a.status == 200 ? good : bad) += 1; });
  for (int turn = 0; turn < 20'000 && good + bad < 500; ++turn) loop.run_for(milliseconds(10));
  CHECK(good == 499);
  CHECK(bad == 1);
  CHECK(seen == 500);
  CHECK((*server)->counters().accepted <= 16);
}
