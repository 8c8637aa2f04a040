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
  Duration history = days(7);
  Duration checkpoint_every = seconds(30);
  Duration ending = seconds(8);  // for requests in flight when a signal ends the engine
  std::uint64_t seed = 0;        // of the jitter
  std::function<Instant()> clock = wall_clock;
  std::function<std::optional<std::string>(const std::string&)> secret;  // by name
  std::function<void(const std::string&)> print;                         // console notifier; null = standard output
  // Packs that are not loaded this time but may come back: their state stays in the checkpoints as it was in
  // the newest; what was logged behind that (30 s at most) is not applied to them.
  std::vector<std::string> absent_packs;
  std::size_t most_waiting_bytes = std::size_t{128}
                                   << 20;  // applied but not on disk; beyond it deliveries get 503 unapplied
};

class Engine {
 public:
  // Opens the store, recovers, listens. Errors name what was wrong and the cure.
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

  struct State;

 private:
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
