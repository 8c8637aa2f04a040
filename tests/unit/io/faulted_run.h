// A scripted run of the whole engine on virtual time, over a disk that breaks where it is told to, with the world
// outside: a client that repeats what was not answered 200, and receivers that forget nothing. The same script without
// a fault is what every faulted run is compared with.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "../temporary_folder.h"
#include "io/engine.h"
#include "store/fault_vfs.h"

namespace faulted {

using namespace tidewatch;

inline const Instant start_of_run = *parse_instant("2026-03-02T08:00:00");

// What a receiver was sent: the key, and what it said.
struct Message {
  std::string notifier, key, monitor, labels, event;
  Instant at;
};

struct World {
  std::vector<Message> accepted;
  std::map<std::string, int> attempts;  // by key
};

// Refuses the first attempt of every key when told to, takes everything else.
class Receiver : public Notifier {
 public:
  Receiver(World& world, std::string name, bool refuses_first)
      : world_(world), name_(std::move(name)), refuses_first_(refuses_first) {}
  void send(const StoredNotification& n, std::function<void(SendResult)> then) override {
    if (++world_.attempts[n.key] == 1 && refuses_first_) return then({SendResult::Kind::retry, "500", {}});
    const auto body = nlohmann::json::parse(n.payload);
    const auto& own = body["tidewatch"];
    world_.accepted.push_back({name_, n.key, own["monitor"], body["commonLabels"].dump(), own["event"],
                               *parse_instant(own["at"].get<std::string>())});
    then({SendResult::Kind::accepted, "200", {}});
  }

 private:
  World& world_;
  std::string name_;
  bool refuses_first_;
};

inline HandleSpec metric(const std::string& name, const std::string& column, const std::string& over, bool by_shop) {
  HandleSpec h;
  h.op = HandleSpec::Op::metric;
  h.metric.metric = name;
  h.metric.stream = "orders";
  if (!column.empty()) h.metric.columns = {column};
  h.metric.window = *parse_window(over);
  h.metric.min_n = 1;
  h.metric.read = ReadMode::open;
  if (by_shop) h.metric.by = {"shop"};
  return h;
}

inline MonitorSpec monitor(const std::string& name, int value, Severity severity, double above, Duration lasting) {
  MonitorSpec m;
  m.id = "shop/" + name;
  m.pack = "shop";
  m.name = name;
  m.value = value;
  m.every = seconds(1);
  SeverityRule rule;
  rule.condition.high = above;
  rule.lasting = lasting;
  m.rules[static_cast<std::size_t>(severity)] = rule;
  return m;
}

// `lasting` under way while anything may break, a monitor on arrival, one a shop, quantiles (a sketch), a resolve.
inline EnginePack shop_pack(double many = 8) {
  EnginePack pack;
  PackSpec& spec = pack.spec;
  spec.name = "shop";
  spec.hash = std::to_string(many);
  StreamSpec orders;
  orders.name = "orders";
  orders.time = "time";
  orders.schema.columns = {{"time", ColumnType::time, false},
                           {"id", ColumnType::integer, false},
                           {"shop", ColumnType::category, false},
                           {"ms", ColumnType::number, true}};
  spec.streams.push_back(orders);
  spec.handles = {metric("sum", "id", "10m", false), metric("mean", "ms", "5s", false),
                  metric("max", "id", "10m", true), metric("p95", "ms", "1m", false),
                  metric("count", "", "10m", false)};
  spec.monitors = {
      monitor("lasting", 0, Severity::warning, 0, seconds(20)), monitor("slow", 1, Severity::critical, 50, seconds(3)),
      monitor("by-shop", 2, Severity::info, 0, Duration{0}), monitor("many", 4, Severity::info, many, Duration{0})};
  spec.monitors[3].on_arrival = true;
  NotifierSpec page;
  page.name = "page";
  page.kind = "webhook";
  page.url = "a";
  NotifierSpec chat = page;
  chat.name = "chat";
  chat.url = "b";
  spec.notifiers = {page, chat};
  return pack;
}

struct Batch {
  std::string id, body;
  int rows = 0;
};

// The batch of a second; empty in seconds without one. A slow spell makes `slow` fire and resolve.
inline Batch batch_of(int second) {
  Batch out;
  if (second == 1) {
    // A sum says nothing until its window lies whole behind the first row.
    return {"first",
            "{\"time\":\"" + format_instant(start_of_run - minutes(20)) + "\",\"id\":0,\"shop\":\"s0\",\"ms\":1}\n", 1};
  }
  if (second % 3 == 2) return out;
  out.id = "b" + std::to_string(second);
  const Instant at = start_of_run + seconds(second);
  for (int i = 0; i <= second % 4; ++i) {
    const bool is_slow = second >= 8 && second < 16;
    out.body += "{\"time\":\"" + format_instant(at - milliseconds(100 * i)) +
                "\",\"id\":" + std::to_string(second * 10 + i) + ",\"shop\":\"s" + std::to_string(second / 10) +
                "\",\"ms\":" + (is_slow ? "80." : "20.") + std::to_string(i) + "}\n";
    ++out.rows;
  }
  return out;
}

struct Outcome {
  std::string readings;             // of every series of every metric, to the last bit
  std::vector<std::string> alerts;  // as shown
  std::set<std::string> keys;       // accepted by a receiver
  std::vector<Message> accepted;
  std::int64_t operations = 0;  // of the disk
  int crashes = 0, refused = 0, rows = 0;
  bool has_struck = false;
};

struct Script {
  int seconds = 40;
  int reload_at = 24;
  Fault fault;
  int mended_at = -1;  // the disk works again from this second on; -1 = the fault goes by itself
  Duration down{0};    // between a crash and the start after it
};

class Run {
 public:
  explicit Run(Script script) : script_(script), vfs_("faulted") {}

  Outcome play() {
    start();
    vfs_.arm(script_.fault);
    for (second_ = 1; second_ <= script_.seconds; ++second_) {
      now_ = std::max(now_, start_of_run + seconds(second_) + lost_);
      if (second_ == script_.mended_at) {
        has_struck_ = vfs_.has_struck();
        vfs_.arm({});
      }
      step();
      while (vfs_.is_dead()) {
        crash();
        step();
      }
    }
    Outcome out;
    out.operations = vfs_.operations();
    out.has_struck = has_struck_ || vfs_.has_struck();
    vfs_.arm({});
    // What still waits to be tried again is tried again.
    for (int i = 1; i <= 10; ++i) tick(start_of_run + seconds(script_.seconds + i) + lost_);
    REQUIRE(waiting_.empty());
    MetricEngine& metrics = const_cast<Core*>(engine_->core("shop"))->metrics();
    out.readings = std::to_string(metrics.counters("orders")->accepted) + " rows accepted\n";
    for (std::size_t handle = 0; handle < shop_pack().spec.handles.size(); ++handle) {
      std::vector<SeriesReading> read;
      metrics.read(static_cast<HandleId>(handle), now_, read);
      for (const auto& series : read) {
        ByteWriter bytes;
        write_reading(bytes, series.reading);
        out.readings += std::to_string(handle) + series.labels->text() + bytes.take() + "\n";
      }
    }
    for (const AlertView& a : engine_->core("shop")->alerts(true))
      out.alerts.push_back(a.monitor + a.labels.text() + " " + std::string(name_of(a.state)) + " " +
                           format_instant(a.fired_at.value_or(a.active_at.value_or(far_past))));
    out.accepted = world_.accepted;
    for (const Message& m : world_.accepted) out.keys.insert(m.key);
    out.crashes = crashes_;
    out.refused = refused_;
    out.rows = rows_;
    return out;
  }

 private:
  EngineOptions options() {
    EngineOptions o;
    o.state_folder = folder_.path();
    o.version = "test";
    o.http.port = 0;
    o.external_url = "http://test";
    o.store_vfs = vfs_.name();
    o.checkpoint_every = seconds(7);
    o.clock = [this] { return now_; };
    o.steady = [this] { return now_ - start_of_run; };
    o.notifier = [this](const std::string& name, const NotifierSpec&) {
      return std::make_shared<Receiver>(world_, name, name == "shop/chat");
    };
    return o;
  }

  void start() {
    loop_ = std::make_unique<Loop>();
    std::vector<EnginePack> packs;
    packs.push_back(shop_pack(is_reloaded_ ? 12 : 8));
    auto engine = Engine::start(*loop_, options(), std::move(packs));
    if (!engine) FAIL(engine.error().text);
    engine_ = std::move(*engine);
    engine_->settle();
  }

  // The process is gone with what it had in memory; the disk is as the fault left it. Nobody was down for long: the
  // next process starts at the instant of the last input on disk, or `down` later.
  void crash() {
    ++crashes_;
    has_struck_ = true;
    REQUIRE(crashes_ == 1);
    engine_.reset();
    loop_.reset();
    vfs_.arm({});
    const Instant before = now_;
    {
      auto store = Store::open(folder_.path());
      if (!store) FAIL(store.error().text);
      const auto kept = (*store)->newest_checkpoint();
      REQUIRE(kept.ok());
      now_ = *kept ? (*kept)->at : start_of_run;
      const auto inputs = (*store)->inputs_after(0, 1'000'000);
      REQUIRE(inputs.ok());
      for (const auto& in : *inputs) now_ = std::max(now_, in.at);
    }
    if (script_.down.ns > 0) {
      lost_ = script_.down;
      now_ = before + script_.down;
      start();
      return;
    }
    start();
    // The ticks of that time, which waited for the next commit and were lost, come again; what was sent did not wait.
    for (now_ = now_ + seconds(1); now_ < before; now_ = now_ + seconds(1)) {
      engine_->wake();
      engine_->settle();
    }
    now_ = before;
  }

  void tick(Instant at) {
    now_ = std::max(now_, at);
    retry();
    engine_->wake();
    engine_->settle();
  }

  void step() {
    retry();
    if (second_ == script_.reload_at && !is_reloaded_) {
      std::vector<EnginePack> packs;
      packs.push_back(shop_pack(12));
      REQUIRE(engine_->reload(std::move(packs)).ok());
      engine_->settle();
      is_reloaded_ = true;  // the file is edited before the engine is told
    }
    Batch batch = batch_of(second_);
    if (!batch.id.empty() && delivered_.insert(batch.id).second) {
      waiting_.push_back(std::move(batch));
      retry();
    }
    engine_->wake();
    engine_->settle();
  }

  // Every delivery not answered 200 yet, in order; one refused with 503 does not keep the next from being tried.
  void retry() {
    for (std::size_t i = 0; i < waiting_.size();) {
      HttpRequest request;
      request.method = "POST";
      request.target = request.path = "/api/v1/records/orders";
      request.headers = {{"idempotency-key", waiting_[i].id}};
      request.body = waiting_[i].body;
      HttpResponse answer;
      answer.status = 0;
      engine_->request(request, [&answer](HttpResponse got) { answer = std::move(got); });
      engine_->settle();
      if (vfs_.is_dead() && answer.status != 200) return;
      INFO(answer.body);
      REQUIRE((answer.status == 200 || answer.status == 503));
      if (answer.status == 503) {
        ++refused_;
        ++i;
        continue;
      }
      const auto said = nlohmann::json::parse(answer.body);
      REQUIRE((said["duplicate"].get<bool>() || said["accepted"].get<int>() == waiting_[i].rows));
      rows_ += waiting_[i].rows;
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  Script script_;
  FaultVfs vfs_;
  TemporaryFolder folder_{TemporaryFolder::Where::in_memory};
  Instant now_ = start_of_run;
  Duration lost_{0};
  World world_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Engine> engine_;
  std::vector<Batch> waiting_;
  std::set<std::string> delivered_;
  int second_ = 0, crashes_ = 0, refused_ = 0, rows_ = 0;
  bool is_reloaded_ = false, has_struck_ = false;
};

}  // namespace faulted
