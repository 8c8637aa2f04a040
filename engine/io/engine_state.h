// What Engine holds, for the files that take deliveries, recover, reload and answer pages. Nothing outside these
// includes it. Logged stream names are "pack/stream", so that two packs may each have a `trades`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/commit_queue.h"
#include "io/engine.h"
#include "io/engine_clock.h"
#include "io/engine_health.h"
#include "io/file_tail.h"
#include "io/ingest_handler.h"
#include "io/metrics_page.h"
#include "io/outbox.h"
#include "io/script_outcomes.h"
#include "io/webhook_notifier.h"
#include "records/dead_letter.h"

namespace tidewatch {

struct RunningPack {
  EnginePack pack;
  std::unique_ptr<ScriptOutcomes> scripts;  // before the core, which asks it
  std::unique_ptr<Core> core;
  std::map<std::string, Decoder> decoders;
  std::string replayed_outcomes;  // of the next input, while recovering
};

struct Tail {
  std::string pack, stream, source;
  BodyFormat format;
  std::unique_ptr<FileTail> file;
};

// A pack that the checkpoint knows and that was not given at start: its state as it was, with what was logged since.
struct AbsentPack {
  Instant since{};
  std::string body;                 // Core::save
  std::vector<StoredInput> inputs;  // not gone through yet
  std::unique_ptr<Core> held;       // for looking at its alerts
  bool is_new = false;              // what is being replayed was logged while it was there
};

struct Engine::State {
  Loop& loop;
  EngineOptions options;
  EngineClock clock;
  std::unique_ptr<Store> store;
  std::vector<RunningPack> packs;
  std::map<std::string, AbsentPack> absent;
  EngineHealth health;
  std::vector<Tail> tails;
  DeadLetterRing letters;
  std::unique_ptr<StoreWorker> worker;
  std::unique_ptr<HttpClient> client;
  std::unique_ptr<Outbox> outbox;
  std::unique_ptr<CommitQueue> commits;
  std::unique_ptr<HttpServer> server;
  IngestTickets tickets;
  CommitTimes times;
  Durations lateness;  // of ticks, engine time
  std::function<Result<std::vector<EnginePack>>()> load;
  Instant last_flush{}, last_checkpoint{}, last_tail = far_past, last_tick{}, last_collect{};
  Instant last_alive = far_past;           // engine time was last looked at
  std::optional<Instant> failing_since{};  // commits fail
  bool has_lost_checkpoints = false;       // recovered without one, and none is on disk since
  std::size_t checkpoint_size = 0, replayed_bytes = 0;
  bool is_ready = false;         // recovered
  std::size_t next_collect = 0;  // the pack whose turn it is
  std::uint64_t last_seq = 0;
  bool is_drained = false;
  bool is_ending = false;  // a signal came: requests in flight are finished
  ScriptShare share;
  bool has_reload_failed = false;
  std::uint64_t reloads = 0, failed_reloads = 0;
  Instant last_reload{};  // the newest that worked, the start included
  // Notifiers of packs that a reload took away: their last messages still have to arrive.
  std::map<std::string, std::shared_ptr<Notifier>> departed;

  State(Loop& l, EngineOptions o) : loop(l), options(std::move(o)), clock(options.clock, options.steady) {
    options.clock = [this] { return clock.now(); };
  }

  RunningPack* find_pack(std::string_view name);

  // --- cores ---

  Result<RunningPack> build(EnginePack pack);
  // The store asked from the loop's thread, or from the only thread there is while the engine starts.
  void ask_store(const std::function<void(Store&)>& question);
  // Files whose rows are not those pinned are an error; what was never seen is pinned.
  Done check_pins(Core& core);
  // Pinned spans that passed long ago get their rows back: after restoring, for what an edit has added.
  Done give_learnt(Core& core);
  std::string checkpoint_body() const;
  std::string hash() const;
  StoredCheckpoint checkpoint();

  Done restore(const StoredCheckpoint& kept);
  Store::Commit part_of(const CoreOutput& out) const;

  // What was logged after the checkpoint, again. Its outputs are on disk already (same commit); the notifications are
  // offered once more and known ones fall out by their key, so an edited pack's new ones are not lost.
  Done recover();
  static std::string take_outcomes(const std::string& body, const std::string& pack);
  Done replay(const StoredInput& input, CoreOutput& out);
  static Done replay(RunningPack& p, const StoredInput& input, DeadLetterRing& letters, CoreOutput& out);
  // Takes over what was kept of a pack while it was absent.
  Done welcome_back(RunningPack& p, CoreOutput& out);
  Result<std::unique_ptr<Core>> without_monitors(const PackSpec& of, const std::string& body) const;
  std::vector<EngineHealth::Target> health_targets() const;
  static std::string absent_condition(const std::string& pack) { return "pack-absent:" + pack; }
  std::shared_ptr<Notifier> make_notifier(const std::string& name, const NotifierSpec& spec) const;
  void set_notifiers();
  void set_tails();

  // --- inputs ---

  struct Applied {
    IngestAnswer answer;
    Store::Commit part;
  };

  Result<Applied> apply(RunningPack& p, const std::string& stream, const std::string& source, std::string_view body,
                        BodyFormat format, const std::string& batch_id);
  HttpResponse unavailable() const;
  void ingest(HttpRequest request, HttpServer::Respond respond);
  void redeem(const std::string& key, const IngestTickets::Ticket& ticket, HttpServer::Respond respond);
  void take(const std::string& address, const std::string& key, std::shared_ptr<const Delivery> d,
            HttpServer::Respond respond);
  void poll_tails();
  void tick(Instant now);
  void collect(Instant now);
  // What a clock decided about scripts in the input just applied, to be logged in front of it.
  std::optional<StoredInput> outcomes(Instant at);
  Instant wake();
  // Engine time, to be asked before each input: time slept through is an input of its own and comes first.
  Instant take_time();
  void watch_store(Instant now);
  void drop_absent(Instant now);
  void want_checkpoint();

  // --- pages ---

  EngineFacts facts() const;
  std::string dead_letters(const HttpRequest& request) const;
  void handle(HttpRequest request, HttpServer::Respond respond);
  static void refuse_method(const char* allowed, const HttpServer::Respond& respond);

  // Every monitor of a pack that is gone ends like a removed one: its state restored into a pack with nothing but the
  // notifiers.
  Done end_pack(const RunningPack& gone, const std::string& body, Instant now, CoreOutput& out);
  Done reload(std::vector<EnginePack> next);
  Done swap(std::vector<EnginePack> next);
  Done reload_from_app();
  Done drain();
};

}  // namespace tidewatch
