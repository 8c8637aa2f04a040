// Starting, waking, ending: see engine.h.
#include "io/engine_state.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include "base/log.h"
#include "core/baseline_file.h"
#include "io/console_notifier.h"

namespace tidewatch {

RunningPack* Engine::State::find_pack(std::string_view name) {
  for (auto& p : packs)
    if (p.core->pack().name == name) return &p;
  return nullptr;
}

Result<RunningPack> Engine::State::build(EnginePack pack) {
  RunningPack out;
  out.scripts = std::make_unique<ScriptOutcomes>(pack.judge, pack.predicates, share);
  auto core = Core::create(pack.spec, pack.judge == nullptr ? nullptr : out.scripts.get(),
                           pack.predicates == nullptr ? nullptr : out.scripts.get());
  if (!core) return core.error().within("pack " + pack.spec.name);
  out.core = std::move(*core);
  // Before its baselines are read: a `where` may be what the process died in.
  if (!pack.suspicion.empty()) out.core->quarantine_scripts(pack.suspicion, options.clock());
  for (const auto& stream : pack.spec.streams) {
    if (stream.join) continue;  // fed by its sides
    auto decoder = Decoder::create(stream);
    if (!decoder) return decoder.error().within("stream " + stream.name);
    out.decoders.emplace(stream.name, std::move(*decoder));
  }
  for (const auto& baseline : pack.spec.baselines) {
    if (baseline.file.empty()) continue;
    const auto given = give_baseline_file(*out.core, baseline);
    if (!given) return given.error();
    if (!given->empty()) log::warning("baseline_rows_refused", {{"pack", pack.spec.name}, {"problem", *given}});
  }
  if (const Done pinned = check_pins(*out.core); !pinned) return pinned.error();
  out.pack = std::move(pack);
  return out;
}

std::shared_ptr<Notifier> Engine::State::make_notifier(const std::string& name, const NotifierSpec& spec) const {
  if (options.notifier) return options.notifier(name, spec);
  if (spec.kind == "console") return std::make_shared<ConsoleNotifier>(options.print);
  std::string url = spec.url;
  if (!spec.url_secret.empty() && options.secret) url = options.secret(spec.url_secret).value_or("");
  if (url.empty()) log::error("notifier_without_url", {{"notifier", name}, {"secret", spec.url_secret}});
  if (const Done ok = client->reachable(url); !ok)
    log::error("notifier_cannot_send", {{"notifier", name}, {"problem", ok.error().text}});
  return std::make_shared<WebhookNotifier>(*client, url);
}

void Engine::State::set_notifiers() {
  auto all = departed;
  for (const auto& p : packs)
    for (const auto& n : p.core->pack().notifiers) {
      const std::string name = p.core->pack().name + "/" + n.name;
      all[name] = make_notifier(name, n);
    }
  outbox->set_notifiers(std::move(all));
}

void Engine::State::set_tails() {
  std::vector<Tail> before = std::move(tails);
  tails.clear();
  for (const auto& p : packs)
    for (const auto& s : p.core->pack().sources) {
      if (s.kind != "file_tail") continue;
      const bool is_csv = s.format == "csv";
      const std::string path = (std::filesystem::path(p.core->pack().folder) / s.path).string();
      Tail tail{p.core->pack().name, s.stream, s.name, is_csv ? BodyFormat::csv : BodyFormat::ndjson, {}};
      // One that stays keeps its place: what it read last may not be on disk yet.
      for (Tail& old : before)
        if (old.file && old.pack == tail.pack && old.stream == tail.stream && old.format == tail.format &&
            old.file->path() == path)
          tail.file = std::move(old.file);
      if (!tail.file) {
        // Asked when a tail begins, off the hot path; the worker owns the store, so the answer is waited for.
        const auto stored = [this](const std::string& of) {
          Result<std::vector<StoredOffset>> answer = std::vector<StoredOffset>();
          worker->run([&](Store& st) { answer = st.offsets(of); });
          worker->wait();
          return answer;
        };
        tail.file = std::make_unique<FileTail>(path, is_csv, stored);
      }
      tails.push_back(std::move(tail));
    }
}

Instant Engine::State::take_time() {
  const Instant now = options.clock();
  const Instant before = std::exchange(last_alive, now);
  if (before == far_past || options.sleep_after.ns == 0 || now - before <= options.sleep_after) return now;
  log::warning("nothing_seen", {{"for", format_duration(now - before)},
                                {"why", "the machine slept, the clock was set forward, or the loop stood still"}});
  CoreOutput out;
  for (auto& p : packs) p.core->restarted(now, out, Core::Outage::sleep);
  Store::Commit part = part_of(out);
  StoredInput input;
  input.kind = StoredInput::Kind::pause;
  input.at = now;
  input.source = "sleep";
  part.inputs.push_back(std::move(input));
  commits->add(std::move(part), {});
  return now;
}

std::vector<EngineHealth::Target> Engine::State::health_targets() const {
  std::vector<EngineHealth::Target> out;
  std::set<std::string> receivers;
  for (const auto& p : packs)
    for (const auto& n : p.core->pack().notifiers)
      if (receivers.insert(n.kind + "|" + n.url + "|" + n.url_secret).second)
        out.push_back({p.core->pack().name, n.name, n.severity});
  return out;
}

void Engine::State::watch_store(Instant now) {
  CoreOutput out;
  if (commits->is_failing()) {
    if (!failing_since) failing_since = now;
    if (now - *failing_since < options.store_alert_after) return;
    health.raise("store", Severity::critical,
                 "the store cannot be written: " + commits->problem() +
                     "; deliveries are answered 503, monitors are judged from memory",
                 now, health_targets(), out);
    if (!out.journal.empty()) commits->add(part_of(out), {});
    outbox->send_unstored(commits->waiting_notifications());
  } else if (failing_since) {
    failing_since.reset();
    health.settle("store", "the store is written again", now, health_targets(), out);
    if (!out.journal.empty()) commits->add(part_of(out), {});
  }
}

Instant Engine::State::wake() {
  if (is_drained) return far_future;
  const Instant now = take_time();
  watch_store(now);  // before a commit takes along what waits
  if (now - last_tail >= seconds(1)) {
    last_tail = now;
    poll_tails();
  }
  Instant due = far_future;
  for (const auto& p : packs) due = std::min(due, p.core->next_due());
  // A quiet tick is at most 5 s from the disk, also when nothing is due: it bounds what a restart takes for down time.
  if (due <= now || now - last_tick >= seconds(5)) {
    last_tick = now;
    tick(now);
    if (due <= now) lateness.add(std::max(0.0, static_cast<double>((options.clock() - due).ns) / 1e9));
    due = far_future;
    for (const auto& p : packs) due = std::min(due, p.core->next_due());
  }
  if (due > now + milliseconds(5)) collect(now);
  drop_absent(now);
  if (now - last_checkpoint >= options.checkpoint_every ||
      commits->bytes_since_checkpoint() > std::max(options.checkpoint_bytes, checkpoint_size)) {
    last_checkpoint = last_flush = now;
    want_checkpoint();
  } else if (now - last_flush >= seconds(commits->is_failing() ? 1 : 5)) {
    last_flush = now;
    commits->flush();
  }
  if (outbox->next_due() <= now) outbox->wake();
  Instant next = std::min({due, last_tick + seconds(5), last_flush + seconds(commits->is_failing() ? 1 : 5),
                           last_checkpoint + options.checkpoint_every});
  if (!tails.empty() || failing_since) next = std::min(next, now + seconds(1));
  if (outbox->next_due() > now) next = std::min(next, outbox->next_due());
  return std::max(next, now + milliseconds(1));
}

// The packs whose scripts used least go first: what is left of the tick's Lua time is spent on those that use most.
void Engine::State::tick(Instant now) {
  std::vector<RunningPack*> turn;
  for (auto& p : packs) turn.push_back(&p);
  std::stable_sort(turn.begin(), turn.end(),
                   [](const auto* a, const auto* b) { return a->scripts->used_ns() < b->scripts->used_ns(); });
  for (auto& p : packs) p.scripts->begin_live(monotonic_now());
  CoreOutput out;
  for (auto* p : turn) p->core->tick(now, out);
  StoredInput tick;
  tick.at = now;
  auto decided = outcomes(now);
  if (out.journal.empty() && out.notifications.empty() && out.baselines.empty()) {
    if (decided) commits->add_quiet(std::move(*decided));
    commits->add_quiet(std::move(tick));
  } else {
    Store::Commit part = part_of(out);
    if (decided) part.inputs.push_back(std::move(*decided));
    part.inputs.push_back(std::move(tick));
    commits->add(std::move(part), {});
  }
}

// A step of a collector while nothing else is due: two milliseconds, ten times a second at most, packs in turn.
void Engine::State::collect(Instant now) {
  if (packs.empty() || (now - last_collect < milliseconds(100) && now >= last_collect)) return;
  last_collect = now;
  packs[next_collect++ % packs.size()].scripts->collect(milliseconds(2));
}

std::optional<StoredInput> Engine::State::outcomes(Instant at) {
  ByteWriter body;
  bool is_empty = true;
  for (auto& p : packs) {
    const std::string record = p.scripts->take_record();
    if (record.empty()) continue;
    is_empty = false;
    body.text(p.core->pack().name);
    body.text(record);
  }
  if (is_empty) return std::nullopt;
  StoredInput input;
  input.kind = StoredInput::Kind::outcomes;
  input.at = at;
  input.body = body.take();
  return input;
}

void Engine::State::want_checkpoint() {
  commits->want_checkpoint([this] { return checkpoint(); }, options.kept,
                           [this](bool ok) {
                             if (!ok) return log::error("checkpoint_failed");
                             if (!std::exchange(has_lost_checkpoints, false)) return;
                             CoreOutput out;
                             health.settle("store", "a new checkpoint is on disk", options.clock(), health_targets(),
                                           out);
                             if (!out.journal.empty()) commits->add(part_of(out), {});
                           });
}

Done Engine::State::drain() {
  if (is_drained) return done();
  is_drained = true;
  if (outbox) outbox->stop();
  if (server) server->drain(Duration{0}, {});
  bool ok = true;
  worker->wait();
  commits->want_checkpoint([this] { return checkpoint(); }, options.kept, [&ok](bool worked) { ok = worked; });
  // Each wait may deliver an ending that starts the next commit.
  for (int i = 0; i < 6; ++i) worker->wait();
  if (commits->is_failing()) return io_error("the last state could not be written: " + commits->problem());
  if (!ok) return io_error("the last checkpoint could not be written; the next start goes through the inputs again");
  return done();
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Engine>> Engine::start(Loop& loop, EngineOptions options, std::vector<EnginePack> packs) {
  auto state = std::make_unique<State>(loop, std::move(options));
  State* s = state.get();
  auto store = Store::open(s->options.state_folder, s->options.store_vfs);
  if (!store) return store.error();
  s->store = std::move(*store);
  for (auto& pack : packs) {
    auto p = s->build(std::move(pack));
    if (!p) return p.error();
    s->packs.push_back(std::move(*p));
  }
  s->share.set_packs(s->packs.size());
  auto server = HttpServer::listen(loop, s->options.http, [s](HttpRequest request, HttpServer::Respond respond) {
    s->handle(std::move(request), std::move(respond));
  });
  if (!server) return server.error();
  s->server = std::move(*server);
  if (s->options.external_url.empty())
    s->options.external_url = (s->server->is_tls() ? "https://" : "http://") + s->options.http.address + ":" +
                              std::to_string(s->server->port());

  // A thread of its own, so that the loop can say "recovering" meanwhile. It alone touches cores and store until then.
  Done recovered = done();
  bool is_over = false;
  std::thread recovery([&] {
    recovered = s->recover();
    loop.post([&is_over] { is_over = true; });
  });
  while (!is_over) loop.run_for(milliseconds(100));
  recovery.join();
  if (!recovered) return recovered.error();

  s->worker = std::make_unique<StoreWorker>(loop, *s->store);
  s->client = std::make_unique<HttpClient>(loop);
  s->commits = std::make_unique<CommitQueue>(*s->worker);
  s->commits->count_replayed(s->replayed_bytes);
  s->outbox = std::make_unique<Outbox>(*s->worker, *s->commits, s->options.clock, s->options.seed);
  s->outbox->recover(*s->store);
  s->commits->on_commit = [s](bool ok, double took) {
    if (ok) {
      s->times.add(took);
      s->last_seq = std::max(s->last_seq, s->commits->last_seq());
      s->tickets.all_committed();
    } else {
      ++s->times.failed;
      if (!s->is_drained) s->loop.wake_now();  // what is tried again in a second must not wait for a flush in five
      log::error("commit_failed", {{"problem", s->commits->problem()}});
    }
  };
  s->commits->on_queued = [s](std::vector<StoredNotification> rows) {
    if (!s->is_drained) s->outbox->queued(std::move(rows));
  };
  s->outbox->on_later = [s] {
    if (!s->is_drained) s->loop.wake_now();
  };
  s->set_notifiers();
  s->set_tails();
  s->last_flush = s->last_checkpoint = s->last_reload = s->last_tick = s->last_alive = s->options.clock();
  // Lives shorter than the time between two checkpoints must not leave more and more to go through again.
  if (s->replayed_bytes > s->options.checkpoint_bytes / 8)
    s->last_checkpoint = s->last_checkpoint - s->options.checkpoint_every;
  s->is_ready = true;
  loop.on_wake(s->options.clock, [s] { return s->wake(); });
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

Engine::~Engine() {
  if (const Done ok = state_->drain(); !ok) log::error("drain_failed", {{"problem", ok.error().text}});
  state_->loop.on_wake({}, {});
  state_->server.reset();
  state_->client.reset();
  state_->worker.reset();
}

void Engine::request(HttpRequest request, HttpServer::Respond respond) {
  state_->handle(std::move(request), std::move(respond));
}

Instant Engine::wake() { return state_->wake(); }

void Engine::settle() {
  // Results of notifications wait for a commit of others.
  for (int i = 0; i < 8; ++i) {
    while (!state_->worker->is_idle()) state_->worker->wait();
    if (state_->is_drained || state_->commits->is_failing()) return;
    state_->commits->flush();
  }
}

int Engine::port() const { return state_->server->port(); }

const Core* Engine::core(const std::string& pack) const {
  const RunningPack* p = state_->find_pack(pack);
  return p == nullptr ? nullptr : p->core.get();
}

Done Engine::reload(std::vector<EnginePack> packs) { return state_->reload(std::move(packs)); }

void Engine::on_reload(std::function<Result<std::vector<EnginePack>>()> load) { state_->load = std::move(load); }

Done Engine::drain() { return state_->drain(); }

HttpServer& Engine::server() { return *state_->server; }

void Engine::run() {
  State* s = state_.get();
  const auto end_now = [s] {
    if (const Done ok = s->drain(); !ok) log::error("drain_failed", {{"problem", ok.error().text}});
    s->loop.stop();
  };
  const auto end = [s, end_now] {
    if (std::exchange(s->is_ending, true)) return end_now();
    log::info("ending", {{"connections", std::to_string(s->server->connections())}});
    s->server->drain(s->options.ending, end_now);
  };
  s->loop.on_signal(SIGTERM, end);
  s->loop.on_signal(SIGINT, end);
  s->loop.on_signal(SIGHUP, [s] {
    if (const Done ok = s->reload_from_app(); !ok) log::error("reload_failed", {{"problem", ok.error().text}});
  });
  s->loop.run();
}

}  // namespace tidewatch
