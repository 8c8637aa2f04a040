// The engine over real sockets and a real store in a temporary folder.
#include "io/engine.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/gzip.h"
#include "io/metrics_page.h"

#include "../temporary_folder.h"

using namespace tidewatch;

namespace {

// Sends bytes, runs the loop while a thread reads until the peer closes.
std::string talk(Loop& loop, int port, const std::string& bytes) {
  std::atomic<bool> done = false;
  std::string answer;
  std::thread client([&] {
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(s, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
      for (std::size_t at = 0; at < bytes.size();) {
        const auto n = send(s, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
        if (n <= 0) break;
        at += static_cast<std::size_t>(n);
      }
      char buffer[4096];
      for (ssize_t n = 0; (n = recv(s, buffer, sizeof buffer, 0)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(n));
    }
    close(s);
    done = true;
  });
  while (!done) loop.run_for(milliseconds(20));
  client.join();
  return answer;
}

std::string post(const std::string& path, const std::string& body, const std::string& headers = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"; }

EnginePack small_pack() {
  EnginePack pack;
  pack.spec.name = "shop";
  pack.spec.hash = "1";
  StreamSpec stream;
  stream.name = "orders";
  stream.schema.columns = {{"time", ColumnType::time, false}, {"amount", ColumnType::number, false}};
  stream.time = "time";
  pack.spec.streams.push_back(stream);
  return pack;
}

EngineOptions options_in(const TemporaryFolder& folder) {
  EngineOptions o;
  o.state_folder = folder.path();
  o.version = "test";
  o.http.port = 0;
  return o;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a delivery is counted, a repeated batch id is not applied again, also after a restart") {
  TemporaryFolder folder;
  const std::string row = "{\"time\":\"" + format_instant(wall_clock()) + "\",\"amount\":1}\n";
  {
    Loop loop;
    auto engine = Engine::start(loop, options_in(folder), {});
    REQUIRE(engine.ok());
    CHECK(has(talk(loop, (*engine)->port(), post("/api/v1/records/orders", row)), "HTTP/1.1 404"));
  }
  for (int turn = 0; turn < 2; ++turn) {
    Loop loop;
    std::vector<EnginePack> packs;
    packs.push_back(small_pack());
    auto engine = Engine::start(loop, options_in(folder), std::move(packs));
    if (!engine) FAIL(engine.error().text);
    const int port = (*engine)->port();
    const auto answer =
        talk(loop, port, post("/api/v1/records/orders", row + row + "{\"amount\":2}\n", "Idempotency-Key: b1\r\n"));
    INFO(answer);
    if (turn == 0) {
      CHECK(has(answer, "\"accepted\":2,\"rejected\":1,\"rejected_by\":{\"missing_column\":1}"));
      CHECK(has(answer, "\"duplicate\":false"));
    }
    const auto again = talk(loop, port, post("/api/v1/records/orders?batch=b1", row));
    CHECK(has(again, "\"duplicate\":true"));
    CHECK(has(talk(loop, port, post("/api/v1/records/ordrs", row)), "did you mean \\\"orders\\\""));
    const auto packed = talk(loop, port, post("/api/v1/records/orders", gzip(row), "Content-Encoding: gzip\r\n"));
    CHECK(has(packed, "\"accepted\":1,\"rejected\":0"));
    const auto metrics = talk(loop, port, get("/metrics"));
    CHECK(has(metrics, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    INFO(metrics);
    CHECK(
        has(metrics, "tidewatch_records_accepted_total{pack=\"shop\",stream=\"orders\"} " + std::to_string(3 + turn)));
    CHECK(has(talk(loop, port, get("/-/ready")), "HTTP/1.1 200"));
    CHECK(has(talk(loop, port, get("/api/v1/alerts")), "{\"status\":\"success\",\"data\":{\"alerts\":[]}}"));
    CHECK(has(talk(loop, port, get("/api/v1/dead_letters")), turn == 0 ? "missing_column" : "missing_column"));
    CHECK(has(talk(loop, port, get("/")), "Content-Security-Policy: default-src 'none'"));
  }
}

TEST_CASE("listening beyond loopback without a token is refused") {
  Loop loop;
  HttpServerOptions o;
  o.address = "0.0.0.0";
  o.port = 0;
  auto server = HttpServer::listen(loop, o, {});
  REQUIRE_FALSE(server);
  CHECK(has(server.error().text, "token"));
}

TEST_CASE("promtool finds nothing wrong with the metrics page") {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    WARN("promtool is not installed");
    return;
  }
  EngineFacts f;
  f.version = "1\"\\\n";
  f.streams.push_back({"p", "s", {}});
  f.streams[0].counters.rejected_by = {{"late", 2}};
  f.packs["p"] = {};
  f.commits.add(0.003);
  f.tick_lateness.add(0.7);
  f.notifications[{"p/n", "accepted"}] = 1;
  TemporaryFolder folder;
  const std::filesystem::path path = folder / "page";
  std::ofstream(path) << metrics_page(f);
  CHECK(std::system(("promtool check metrics < " + path.string()).c_str()) == 0);
}

TEST_CASE("a histogram counts every duration at and above its edge, once, and beyond the last edge only under +Inf") {
  EngineFacts f;
  for (const double took : {0.0, 0.0005, 0.0006, 0.5, 0.51, 1.0, 7.0}) f.tick_lateness.add(took);
  const auto page = metrics_page(f);
  INFO(page);
  const std::string name = "\ntidewatch_tick_lateness_seconds";
  CHECK(has(page, name + "_bucket{le=\"0.0005\"} 2\n"));
  CHECK(has(page, name + "_bucket{le=\"0.001\"} 3\n"));
  CHECK(has(page, name + "_bucket{le=\"0.1\"} 3\n"));
  CHECK(has(page, name + "_bucket{le=\"0.5\"} 4\n"));
  CHECK(has(page, name + "_bucket{le=\"1\"} 6\n"));
  CHECK(has(page, name + "_bucket{le=\"+Inf\"} 7\n"));
  CHECK(has(page, name + "_count 7\n"));
}

TEST_CASE("an engine with nothing to do sleeps: it does not look at the clock again and again before the next flush") {
  TemporaryFolder folder;
  Loop loop;
  auto options = options_in(folder);
  // Between one second after a flush and the next: the span in which it once woke every millisecond.
  const Instant start = wall_clock();
  auto now = std::make_shared<Instant>(start);
  auto looks = std::make_shared<int>(0);
  options.clock = [now, looks] {
    ++*looks;
    return *now;
  };
  std::vector<EnginePack> packs;
  packs.push_back(small_pack());
  auto engine = Engine::start(loop, options, std::move(packs));
  if (!engine) FAIL(engine.error().text);
  for (int i = 0; i < 5; ++i) loop.run_for(milliseconds(10));
  *now = start + milliseconds(2500);
  loop.wake_now();
  *looks = 0;
  for (int i = 0; i < 20; ++i) loop.run_for(milliseconds(10));
  CHECK(*looks <= 6);  // one wake and what it arms
}

TEST_CASE("a pack that a reload takes away ends its alerts, and its notifier still hears of it") {
  TemporaryFolder folder;
  Loop loop;
  const auto pack = [] {
    EnginePack p = small_pack();
    HandleSpec largest;
    largest.op = HandleSpec::Op::metric;
    largest.metric.metric = "max";
    largest.metric.stream = "orders";
    largest.metric.columns = {"amount"};
    largest.metric.window.kind = WindowSpec::Kind::rows;
    largest.metric.min_n = 1;
    largest.metric.window.count = 10;
    p.spec.handles.push_back(largest);
    MonitorSpec m;
    m.id = "shop/large";
    m.pack = "shop";
    m.name = "large";
    m.value = 0;
    m.every = seconds(1);
    m.on_arrival = true;
    m.rules[2] = SeverityRule{};
    m.rules[2]->condition.high = 5;
    p.spec.monitors.push_back(m);
    NotifierSpec screen;
    screen.name = "screen";
    screen.kind = "console";
    p.spec.notifiers.push_back(screen);
    return p;
  };
  std::vector<std::string> lines;
  auto options = options_in(folder);
  options.print = [&](const std::string& line) { lines.push_back(line); };
  std::vector<EnginePack> packs;
  packs.push_back(pack());
  auto engine = Engine::start(loop, options, std::move(packs));
  if (!engine) FAIL(engine.error().text);
  const std::string row = "{\"time\":\"" + format_instant(wall_clock()) + "\",\"amount\":9}\n";
  CHECK(has(talk(loop, (*engine)->port(), post("/api/v1/records/orders", row)), "\"accepted\":1"));
  const auto wait_for_lines = [&](std::size_t n) {
    for (int i = 0; i < 250 && lines.size() < n; ++i) loop.run_for(milliseconds(20));
  };
  wait_for_lines(1);
  REQUIRE(lines.size() == 1);
  CHECK(has(lines[0], "FIRING"));
  REQUIRE((*engine)->reload({}).ok());
  wait_for_lines(2);
  REQUIRE(lines.size() == 2);
  CHECK(has(lines[1], "RESOLVED"));
  CHECK(has(lines[1], "monitor removed"));
  CHECK(has(talk(loop, (*engine)->port(), get("/metrics")), "tidewatch_last_reload_successful 1\n"));
}
