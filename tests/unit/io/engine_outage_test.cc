// Time that is not what it was (a clock set forward or back, a machine that slept), a pack that is not there, ids that
// are taken: the engine on virtual time, judged by what its receivers were told.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>

#include "base/log.h"
#include "faulted_run.h"
#include "io/commit_queue.h"
#include "io/engine_clock.h"
#include "store/database.h"

using namespace faulted;

namespace {

// An engine whose wall clock and true time are the test's.
struct Driven {
  TemporaryFolder folder;
  Duration elapsed{0};  // true time
  Duration set{0};      // by how much the wall clock was set
  World world;
  std::unique_ptr<Loop> loop;
  std::unique_ptr<Engine> engine;
  int sent = 0;

  Driven() { log::configure(log::Level::error, log::Format::logfmt); }
  Instant truth() const { return start_of_run + elapsed; }  // what senders' clocks say
  Instant wall() const { return truth() + set; }

  void start(bool with_shop = true, std::vector<EnginePack> others = {}) {
    engine.reset();
    loop = std::make_unique<Loop>();
    EngineOptions o;
    o.state_folder = folder.path();
    o.version = "test";
    o.http.port = 0;
    o.external_url = "http://test";
    o.clock = [this] { return wall(); };
    o.steady = [this] { return elapsed; };
    o.notifier = [this](const std::string& of, const NotifierSpec&) {
      return std::make_shared<Receiver>(world, of, false);
    };
    if (with_shop) others.push_back(shop_pack());
    auto started = Engine::start(*loop, o, std::move(others));
    if (!started) FAIL(started.error().text);
    engine = std::move(*started);
  }
  int post(Instant at, double ms, const std::string& id) {
    HttpRequest request;
    request.method = "POST";
    request.target = request.path = "/api/v1/records/orders";
    request.headers = {{"idempotency-key", id}};
    request.body =
        "{\"time\":\"" + format_instant(at) + "\",\"id\":1,\"shop\":\"s\",\"ms\":" + std::to_string(ms) + "}\n";
    HttpResponse answer;
    engine->request(request, [&answer](HttpResponse got) { answer = std::move(got); });
    engine->settle();
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    return nlohmann::json::parse(answer.body)["accepted"].get<int>();
  }
  void run(int seconds_long, bool with_rows = true, double ms = 20) {
    for (int i = 0; i < seconds_long; ++i) {
      elapsed = elapsed + seconds(1);
      if (with_rows) post(truth(), ms, "n" + std::to_string(++sent));
      engine->wake();
      engine->settle();
    }
  }
  // Rows old enough for every window to lie behind the first one.
  void warm() {
    post(truth() - minutes(20), 1, "warm");
    run(3);
  }
  std::vector<Message> told(const std::string& monitor, const std::string& event) const {
    std::vector<Message> out;
    for (const Message& m : world.accepted)
      if (m.notifier == "shop/page" && m.monitor == "shop/" + monitor && m.event == event) out.push_back(m);
    return out;
  }
  // Without those of `many`: a count falls when rows leave its window, and that is no mistake.
  std::size_t messages() const {
    return static_cast<std::size_t>(std::count_if(world.accepted.begin(), world.accepted.end(),
                                                  [](const Message& m) { return m.monitor != "shop/many"; }));
  }
  std::uint64_t accepted() const {
    return const_cast<Core*>(engine->core("shop"))->metrics().counters("orders")->accepted;
  }
};

}  // namespace

TEST_CASE(
    "engine time never goes back, and behind a clock set back it goes on at half speed until that has caught up") {
  Instant wall = start_of_run;
  Duration steady{0};
  EngineClock clock([&] { return wall; }, [&] { return steady; });
  CHECK(clock.now() == start_of_run);
  wall = start_of_run - hours(1);
  Instant before = clock.now();
  CHECK(before == start_of_run);
  CHECK(clock.ahead() == hours(1));
  for (int i = 1; i <= 7300; ++i) {
    wall = wall + seconds(1);
    steady = steady + seconds(1);
    const Instant now = clock.now();
    CHECK(now >= before);
    CHECK(now - before <= seconds(1));
    if (i == 3600) CHECK(now == start_of_run + minutes(30));
    before = now;
  }
  CHECK(clock.ahead() == Duration{0});
  CHECK(before == wall);
}

TEST_CASE("a machine that slept for 6 h, or a clock set forward by 1 h, fires nothing early and says that it is late") {
  const Duration away = GENERATE(hours(6), hours(1));
  const bool is_sleep = away == hours(6);
  CAPTURE(is_sleep);
  Driven d;
  d.start();
  d.warm();
  d.run(7);  // `lasting` (20 s) is half way
  const std::size_t messages = d.messages();
  (is_sleep ? d.elapsed : d.set) = away;
  d.run(1, false);
  d.run(2);
  CHECK(d.told("lasting", "firing").empty());
  CHECK(d.messages() == messages);  // no storm
  d.run(25);
  REQUIRE(d.told("lasting", "firing").size() == 1);
  const Duration took = d.told("lasting", "firing")[0].at - start_of_run;
  INFO(format_duration(took));
  CHECK(took >= away + seconds(20));
  CHECK(took <= away + seconds(41));
  CHECK(d.messages() == messages + 2);
  for (const Message& m : d.world.accepted) CHECK((m.monitor == "shop/many" || m.event != "resolved"));
}

TEST_CASE("what was recorded while the machine slept still lands: nobody was idle") {
  Driven d;
  d.start();
  d.warm();
  d.run(5);
  const auto before = d.accepted();
  const Instant fell_asleep = d.wall();
  d.elapsed = d.elapsed + hours(6);
  d.run(3, false);
  CHECK(d.post(fell_asleep + seconds(10), 20, "kept by its sender") == 1);
  CHECK(d.accepted() == before + 1);
}

TEST_CASE("a clock set back by 1 h: monitors are judged on, late at most, and never told twice") {
  Driven d;
  d.set = hours(1);  // it was ahead, and is put right
  d.start();
  d.warm();
  d.run(7);
  d.set = Duration{0};
  d.run(80);
  // Half speed: the rest of the 20 s takes twice as long.
  REQUIRE(d.told("lasting", "firing").size() == 1);
  d.run(20, true, 90);
  CHECK(d.told("slow", "firing").size() == 1);
  d.run(40);
  CHECK(d.told("slow", "resolved").size() == 1);
  const Instant before = d.engine->core("shop")->now();
  d.start();  // and a restart meanwhile does not go back either
  d.run(1);
  CHECK(d.engine->core("shop")->now() >= before);
}

TEST_CASE("a kill costs `lasting` the time nobody ran and at most 5 s, also when nothing was delivered for long") {
  Driven d;
  d.start();
  d.warm();
  for (int i = 0; i < 15; ++i) d.run(1, false);
  // No drain: the process is gone at once. What its last flush wrote is at most 5 s old.
  auto killed = std::make_unique<Driven>();
  std::filesystem::copy(d.folder.path(), killed->folder.path(), std::filesystem::copy_options::recursive);
  killed->elapsed = d.elapsed + seconds(2);
  killed->start();
  killed->run(20, false);
  REQUIRE(killed->told("lasting", "firing").size() == 1);
  const Duration took = killed->told("lasting", "firing")[0].at - start_of_run;
  INFO(format_duration(took));
  CHECK(took >= seconds(22));
  CHECK(took <= seconds(22 + 2 + 6));
}

TEST_CASE("when every checkpoint is damaged, the start says what is lost, in the journal and to the receivers") {
  Driven d;
  d.start();
  d.warm();
  d.run(65);  // two checkpoints
  d.engine.reset();
  const auto damage = [&](const char* which) {
    Database db;
    REQUIRE(db.open(d.folder / "tidewatch.db"));
    const std::string rows = std::string("(SELECT seq FROM checkpoints ") + which;
    REQUIRE(db.run(("UPDATE checkpoints SET sha256 = '' WHERE seq IN " + rows).c_str()));
  };
  const auto told = [&](const char* event) {
    return std::count_if(d.world.accepted.begin(), d.world.accepted.end(), [&](const Message& m) {
      return m.monitor == "tidewatch/store" && m.event == event && m.notifier == "shop/page";
    });
  };
  const auto before = d.messages();
  SECTION("one of the two costs nothing but time") {
    damage("ORDER BY seq DESC LIMIT 1)");
    d.start();
    d.run(40);
    CHECK(d.messages() == before);
  }
  SECTION("both are an alert of the engine's own, until there is a new one") {
    damage(")");
    d.start();
    d.run(5);
    CHECK(told("firing") == 1);
    CHECK(told("resolved") == 0);
    CHECK(d.accepted() > 0);  // the batches are there
    const bool is_restarted_meanwhile = GENERATE(false, true);
    if (is_restarted_meanwhile) {
      d.start();
      d.run(2);
    } else {
      d.run(40);
    }
    CHECK(told("firing") == 1);
    CHECK(told("resolved") == 1);
    d.engine.reset();
    auto store = Store::open(d.folder.path());
    REQUIRE(store);
    const auto rows = (*store)->journal("tidewatch/store", 10);
    REQUIRE(rows);
    REQUIRE(rows->size() == 2);
    CHECK((*rows)[0].reason == "a new checkpoint is on disk");
    CHECK((*rows)[1].reason.find("checkpoints were damaged: the state was made anew from") != std::string::npos);
    CHECK((*rows)[1].severity_to == "critical");
    (*store).reset();
    d.start();  // and the start after that has nothing to say
    d.run(2);
    CHECK(told("firing") == 1);
  }
}

TEST_CASE(
    "the alerts of a pack that is not given at start are held, shown and told of, and are there when it is back") {
  Driven d;
  const auto other = [] {
    EnginePack pack = shop_pack();
    pack.spec.name = "other";
    pack.spec.streams[0].name = "parcels";
    for (auto& h : pack.spec.handles) h.metric.stream = "parcels";
    for (auto& m : pack.spec.monitors) {
      m.pack = "other";
      m.id = "other/" + m.name;
    }
    return pack;
  };
  const auto packs = [&] {
    std::vector<EnginePack> out;
    out.push_back(other());
    return out;
  };
  const auto health = [&](const std::string& event) {
    return std::count_if(d.world.accepted.begin(), d.world.accepted.end(), [&](const Message& m) {
      return m.monitor == "tidewatch/pack-absent:shop" && m.event == event && m.notifier == "other/page";
    });
  };
  d.start();
  d.warm();
  d.run(30);
  REQUIRE(d.told("lasting", "firing").size() == 1);
  const auto rows = d.accepted();
  for (int restarts = 0; restarts < 2; ++restarts) {
    d.start(false, packs());
    d.run(20, false);
    HttpRequest request;
    request.method = "GET";
    request.target = request.path = "/api/v1/alerts";
    std::string shown;
    d.engine->request(request, [&](HttpResponse got) { shown = got.body; });
    CHECK(shown.find("lasting") != std::string::npos);
    CHECK(shown.find("tidewatch/pack-absent:shop") != std::string::npos);
  }
  CHECK(health("firing") == 1);
  CHECK(d.told("lasting", "resolved").empty());
  SECTION("back within the day: everything is there") {
    d.elapsed = d.elapsed + hours(20);
    d.start(true, packs());
    d.run(30);
    CHECK(d.accepted() == rows + 30);
    CHECK(d.told("lasting", "firing").size() == 1);
    CHECK(d.told("lasting", "resolved").empty());
    CHECK(health("resolved") == 1);
  }
  SECTION("not back within the day: dropped, and said so") {
    d.elapsed = d.elapsed + hours(25);
    d.run(2, false);
    CHECK(health("resolved") == 1);
    d.start(true, packs());
    CHECK(d.accepted() == 0);
  }
}

TEST_CASE("a batch id that is taken all the same is logged without it, and commits go on") {
  const TemporaryFolder folder;
  {
    auto store = Store::open(folder.path());
    REQUIRE(store.ok());
    Loop loop;
    StoreWorker worker(loop, **store);
    CommitQueue commits(worker);
    int ok = 0;
    for (int i = 0; i < 3; ++i) {
      Store::Commit part;
      StoredInput input;
      input.kind = StoredInput::Kind::batch;
      input.stream = "shop/orders";
      input.batch_id = "the same";
      input.body = std::to_string(i);
      part.inputs.push_back(input);
      commits.add(std::move(part), [&ok](bool worked) { ok += worked; });
    }
    while (!worker.is_idle()) worker.wait();
    CHECK(ok == 3);
    CHECK_FALSE(commits.is_failing());
  }
  auto store = Store::open(folder.path());
  CHECK((*store)->inputs_after(0, 10)->size() == 3);
}

namespace {

std::string ask(int port, const std::string& path) {
  std::string answer;
  const int s = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(s, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    if (send(s, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
      char buffer[4096];
      for (ssize_t n = 0; (n = recv(s, buffer, sizeof buffer, 0)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(n));
    }
  }
  close(s);
  return answer;
}

int free_port() {
  const int s = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(bind(s, reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(getsockname(s, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  close(s);
  return ntohs(at.sin_port);
}

}  // namespace

TEST_CASE("while it recovers the engine listens, is healthy and answers everything else 503 with Retry-After") {
  Driven d;
  d.start();
  d.run(3);
  d.engine.reset();
  const int port = free_port();
  // Recovery asks for the time, on a thread of its own: there it is held until the client has its answers.
  std::promise<void> answered;
  auto is_answered = answered.get_future().share();
  const auto starter = std::this_thread::get_id();
  std::string ready, healthy, records;
  std::thread client([&] {
    for (int i = 0; i < 500 && ready.empty(); ++i) {
      ready = ask(port, "/-/ready");
      if (ready.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(10));  // not listening yet
    }
    healthy = ask(port, "/-/healthy");
    records = ask(port, "/api/v1/alerts");
    answered.set_value();
  });
  EngineOptions o;
  o.state_folder = d.folder.path();
  o.version = "test";
  o.http.port = port;
  o.clock = [&] {
    if (std::this_thread::get_id() != starter) is_answered.wait();
    return d.wall();
  };
  o.steady = [&] { return d.elapsed; };
  o.notifier = [&](const std::string& of, const NotifierSpec&) {
    return std::make_shared<Receiver>(d.world, of, false);
  };
  std::vector<EnginePack> packs;
  packs.push_back(shop_pack());
  Loop loop;
  auto engine = Engine::start(loop, o, std::move(packs));
  client.join();
  if (!engine) FAIL(engine.error().text);
  CHECK(ready.find("HTTP/1.1 503") == 0);
  CHECK(ready.find("Retry-After: 1") != std::string::npos);
  CHECK(records.find("HTTP/1.1 503") == 0);
  CHECK(healthy.find("HTTP/1.1 200") == 0);
  HttpRequest request;
  request.method = "GET";
  request.target = request.path = "/-/ready";
  int status = 0;
  (*engine)->request(request, [&status](HttpResponse got) { status = got.status; });
  CHECK(status == 200);
}
