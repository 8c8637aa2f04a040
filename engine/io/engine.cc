// Starting, waking, ending: see engine.h.
#include "io/engine_state.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/log.h"
#include "io/console_notifier.h"
#include "io/gzip.h"

namespace tidewatch {

namespace {

constexpr std::size_t largest_baseline = std::size_t{1} << 30;  // bytes, unfolded

Result<std::string> whole_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return io_error("cannot read " + path.string());
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

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
    const auto path = std::filesystem::path(pack.spec.folder) / baseline.file;
    auto body = whole_file(path);
    if (body && body->rfind("\x1f\x8b", 0) == 0) body = gunzip(*body, largest_baseline);
    if (!body) return body.error().within("baseline " + baseline.name);
    const auto name = path.extension() == ".gz" ? path.stem() : path.filename();
    const auto decoder = out.decoders.find(baseline.stream);
    if (decoder == out.decoders.end()) return not_found("baseline " + baseline.name + ": no stream " + baseline.stream);
    auto batch = decoder->second.decode(*body, name.extension() == ".csv" ? BodyFormat::csv : BodyFormat::ndjson);
    if (!batch) return batch.error().within("baseline " + baseline.name);
    out.core->baseline_rows(baseline.name, *batch);
    out.core->baseline_seal(baseline.name);
  }
  out.pack = std::move(pack);
  return out;
}

std::shared_ptr<Notifier> Engine::State::make_notifier(const std::string& name, const NotifierSpec& spec) const {
  if (spec.kind == "console") return std::make_shared<ConsoleNotifier>(options.print);
  std::string url = spec.url;
  if (!spec.url_secret.empty() && options.secret) url = options.secret(spec.url_secret).value_or("");
  if (url.empty()) log::error("notifier_without_url", {{"notifier", name}, {"secret", spec.url_secret}});
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
  tails.clear();
  for (const auto& p : packs)
    for (const auto& s : p.core->pack().sources) {
      if (s.kind != "file_tail") continue;
      const bool is_csv = s.format == "csv";
      const std::filesystem::path path = std::filesystem::path(p.core->pack().folder) / s.path;
      // Asked when a file is opened, off the hot path; the worker owns the store, so the answer is waited for.
      const auto offset = [this](const std::string& key) {
        std::optional<std::uint64_t> answer;
        worker->run([&](Store& st) { answer = st.offset(key); });
        worker->wait();
        return answer;
      };
      tails.push_back({p.core->pack().name, s.stream, s.name, is_csv ? BodyFormat::csv : BodyFormat::ndjson,
                       std::make_unique<FileTail>(path.string(), is_csv, offset)});
    }
}

Instant Engine::State::wake() {
  if (is_drained) return far_future;
  const Instant now = options.clock();
  if (now - last_tail >= seconds(1) || now < last_tail) {
    last_tail = now;
    poll_tails();
  }
  Instant due = far_future;
  for (const auto& p : packs) due = std::min(due, p.core->next_due());
  if (due <= now) {
    tick(now);
    lateness.add(std::max(0.0, static_cast<double>((options.clock() - due).ns) / 1e9));
    due = far_future;
    for (const auto& p : packs) due = std::min(due, p.core->next_due());
  }
  if (due > now + milliseconds(5)) collect(now);
  if (now - last_checkpoint >= options.checkpoint_every || now < last_checkpoint) {
    last_checkpoint = now;
    want_checkpoint();
  } else if (now - last_flush >= seconds(commits->is_failing() ? 1 : 5) || now < last_flush) {
    // Quiet ticks are at most 5 s from the disk: they bound how much down time a restart can misjudge.
    last_flush = now;
    commits->flush();
  }
  if (outbox->next_due() <= now) outbox->wake();
  Instant next =
      std::min({due, last_flush + seconds(commits->is_failing() ? 1 : 5), last_checkpoint + options.checkpoint_every});
  if (!tails.empty()) next = std::min(next, last_tail + seconds(1));
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
  if (out.journal.empty() && out.notifications.empty()) {
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
  commits->want_checkpoint([this] { return checkpoint(options.clock()); }, options.history,
                           [](bool ok) {
                             if (!ok) log::error("checkpoint_failed");
                           });
}

Done Engine::State::drain() {
  if (is_drained) return done();
  is_drained = true;
  if (server) server->drain(Duration{0}, {});
  bool ok = true;
  worker->wait();
  commits->want_checkpoint([this] { return checkpoint(options.clock()); }, options.history,
                           [&ok](bool worked) { ok = worked; });
  // Each wait may deliver an ending that starts the next commit.
  for (int i = 0; i < 3; ++i) worker->wait();
  if (!ok || commits->is_failing()) return io_error("the last state could not be written: " + commits->problem());
  return done();
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Engine>> Engine::start(Loop& loop, EngineOptions options, std::vector<EnginePack> packs) {
  auto state = std::make_unique<State>(loop, std::move(options));
  State* s = state.get();
  auto store = Store::open(s->options.state_folder);
  if (!store) return store.error();
  s->store = std::move(*store);
  for (auto& pack : packs) {
    auto p = s->build(std::move(pack));
    if (!p) return p.error();
    s->packs.push_back(std::move(*p));
  }
  s->share.set_packs(s->packs.size());
  if (const Done ok = s->recover(); !ok) return ok.error();
  s->worker = std::make_unique<StoreWorker>(loop, *s->store);
  s->client = std::make_unique<HttpClient>(loop);
  s->commits = std::make_unique<CommitQueue>(*s->worker);
  s->outbox = std::make_unique<Outbox>(*s->worker, s->options.clock, s->options.seed);
  s->outbox->recover(*s->store);
  s->commits->on_commit = [s](bool ok, double took) {
    if (ok) {
      s->times.add(took);
      s->last_seq = std::max(s->last_seq, s->commits->last_seq());
      s->tickets.all_committed();
      if (!s->is_drained) s->outbox->wake();
    } else {
      ++s->times.failed;
      s->loop.wake_now();  // what is tried again in a second must not wait for a flush in five
      log::error("commit_failed", {{"problem", s->commits->problem()}});
    }
  };
  s->set_notifiers();
  s->set_tails();
  auto server = HttpServer::listen(loop, s->options.http, [s](HttpRequest request, HttpServer::Respond respond) {
    s->handle(std::move(request), std::move(respond));
  });
  if (!server) return server.error();
  s->server = std::move(*server);
  if (s->options.external_url.empty())
    s->options.external_url = (s->server->is_tls() ? "https://" : "http://") + s->options.http.address + ":" +
                              std::to_string(s->server->port());
  s->last_flush = s->last_checkpoint = s->last_reload = s->options.clock();
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
