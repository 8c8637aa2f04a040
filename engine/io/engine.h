// The running engine: cores, store and edge joined on one loop. Everything that changes a core passes through here as
// an input with an instant, is applied at once, in the order it is logged, and is on disk with all it caused before
// anyone outside hears of it: the 200 of a batch, the notification of a transition. A restart is the newest checkpoint
// and the same inputs again. Several packs are several cores behind one log.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/core.h"
#include "io/http_server.h"
#include "io/loop.h"
#include "io/notifier.h"
#include "store/store.h"

namespace tidewatch {

struct EnginePack {
  PackSpec spec;
  Judge* judge = nullptr;  // borrowed from `owner`
  RowPredicate* predicates = nullptr;
  std::shared_ptr<void> owner;  // kept while the pack runs
  std::string suspicion;        // why its scripts start quarantined; "" = they do not
};

struct EngineOptions {
  std::string state_folder;
  std::string version;
  std::string external_url;  // "" = http://address:port
  HttpServerOptions http;
  Retention kept;
  Duration checkpoint_every = seconds(30);
  Duration ending = seconds(8);  // for requests in flight when a signal ends the engine
  // Or as soon as the inputs behind the newest one are this many bytes and more than it is: they are what a restart has
  // to go through again.
  std::size_t checkpoint_bytes = std::size_t{48} << 20;
  // Engine time that passes unseen for longer than this was slept through. 0 = never (clocks for demonstrations).
  Duration sleep_after = seconds(10);
  // The store fails for this long before the engine's own alert is raised and pages are sent from memory.
  Duration store_alert_after = seconds(5);
  // Alerts of a pack that is not given at start are kept this long.
  Duration absent_packs_kept = hours(24);
  std::uint64_t seed = 0;                       // of the jitter
  std::function<Instant()> clock = wall_clock;  // may be set back and forward: engine_clock.h
  std::function<Duration()> steady = steady_clock;
  std::function<std::optional<std::string>(const std::string&)> secret;  // by name
  std::function<void(const std::string&)> print;                         // console notifier; null = standard output
  bool has_died_in_script = false;  // the process before: one more time, and that pack starts quarantined
  // Packs that were left out on purpose and may come back: kept for as long as it takes.
  std::vector<std::string> absent_packs;
  // For tests: a notifier of their own, and a VFS that breaks.
  std::function<std::shared_ptr<Notifier>(const std::string& name, const NotifierSpec&)> notifier;
  std::string store_vfs;
  std::size_t most_waiting_bytes = std::size_t{128}
                                   << 20;  // applied but not on disk; beyond it deliveries get 503 unapplied
};

class Engine {
 public:
  // Opens the store, listens, recovers, in this order: until it has recovered everything but /-/healthy is answered 503
  // and Retry-After. Runs the loop meanwhile. Errors name what was wrong and the cure.
  static Result<std::unique_ptr<Engine>> start(Loop& loop, EngineOptions options, std::vector<EnginePack> packs);
  ~Engine();  // drains when that was not done

  int port() const;
  const Core* core(const std::string& pack) const;  // nullptr when unknown

  // Swaps packs between two inputs: a pack of the same name keeps its state (Core::save and restore). On error the
  // running packs stay.
  Done reload(std::vector<EnginePack> packs);
  // What SIGHUP and POST /-/reload call to load the packs anew.
  void on_reload(std::function<Result<std::vector<EnginePack>>()> load);
  // Installs SIGTERM, SIGINT and SIGHUP and runs the loop until drained: requests in flight have `ending` to finish, a
  // second signal cuts them off.
  void run();
  // Stops listening, commits what is pending, checkpoints. Blocks until it is on disk or has failed.
  Done drain();
  // The listener, for its tokens and certificate to be renewed.
  HttpServer& server();

  // One step at a time, without sockets and timers: what the server's handler and the loop's wake do, and the end of
  // what is under way between engine and store. For tests on virtual time.
  void request(HttpRequest request, HttpServer::Respond respond);
  Instant wake();
  void settle();

  struct State;

 private:
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
