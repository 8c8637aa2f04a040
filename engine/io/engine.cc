// See engine.h. Logged stream names are "pack/stream", so that two packs may each have a `trades`.
#include "io/engine.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "base/text.h"
#include "io/commit_queue.h"
#include "io/console_notifier.h"
#include "io/file_tail.h"
#include "io/gzip.h"
#include "io/ingest_handler.h"
#include "io/metrics_page.h"
#include "io/outbox.h"
#include "io/webhook_notifier.h"
#include "io/webhook_payload.h"
#include "records/dead_letter.h"

namespace tidewatch {

namespace {

constexpr std::uint32_t checkpoint_version = 1;
constexpr std::size_t largest_baseline = std::size_t{1} << 30;  // bytes, unfolded

struct RunningPack {
  EnginePack pack;
  std::unique_ptr<Core> core;
  std::map<std::string, Decoder> decoders;
};

struct Tail {
  std::string pack, stream, source;
  BodyFormat format;
  std::unique_ptr<FileTail> file;
};

StoredJournalRow stored(const JournalRow& row) {
  StoredJournalRow out;
  out.at = row.at;
  out.monitor = row.monitor;
  out.labels = row.labels.text();
  out.kind = row.kind;
  out.from = row.from;
  out.to = row.to;
  out.severity_from = row.severity_from;
  out.severity_to = row.severity_to;
  out.reason = row.reason;
  out.evidence = row.evidence;
  return out;
}

Result<std::string> whole_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return io_error("cannot read " + path.string());
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

struct Engine::State {
  Loop& loop;
  EngineOptions options;
  std::unique_ptr<Store> store;
  std::vector<RunningPack> packs;
  std::vector<Tail> tails;
  DeadLetterRing letters;
  std::unique_ptr<StoreWorker> worker;
  std::unique_ptr<HttpClient> client;
  std::unique_ptr<Outbox> outbox;
  std::unique_ptr<CommitQueue> commits;
  std::unique_ptr<HttpServer> server;
  IngestTickets tickets;
  CommitTimes times;
  std::function<Result<std::vector<EnginePack>>()> load;
  Instant last_flush{}, last_checkpoint{}, last_tail{};
  std::uint64_t last_seq = 0;
  bool is_drained = false;
  bool has_reload_failed = false;
  Instant last_reload{};  // the newest that worked, the start included
  // Notifiers of packs that a reload took away: their last messages still have to arrive.
  std::map<std::string, std::shared_ptr<Notifier>> departed;

  State(Loop& l, EngineOptions o) : loop(l), options(std::move(o)) {}

  RunningPack* find_pack(std::string_view name) {
    for (auto& p : packs)
      if (p.core->pack().name == name) return &p;
    return nullptr;
  }

  // --- cores ---

  static Result<RunningPack> build(EnginePack pack) {
    RunningPack out;
    auto core = Core::create(pack.spec, pack.judge, pack.predicates);
    if (!core) return core.error().within("pack " + pack.spec.name);
    out.core = std::move(*core);
    for (const auto& stream : pack.spec.streams) {
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
      if (decoder == out.decoders.end())
        return not_found("baseline " + baseline.name + ": no stream " + baseline.stream);
      auto batch = decoder->second.decode(*body, name.extension() == ".csv" ? BodyFormat::csv : BodyFormat::ndjson);
      if (!batch) return batch.error().within("baseline " + baseline.name);
      out.core->baseline_rows(baseline.name, *batch);
      out.core->baseline_seal(baseline.name);
    }
    out.pack = std::move(pack);
    return out;
  }

  std::string checkpoint_body() const {
    ByteWriter out;
    out.put(checkpoint_version);
    out.put(static_cast<std::uint64_t>(packs.size()));
    for (const auto& p : packs) {
      ByteWriter core;
      p.core->save(core);
      out.text(p.core->pack().name);
      out.text(core.bytes());
    }
    letters.write(out);
    return out.take();
  }

  std::string hash() const {
    std::string all;
    for (const auto& p : packs) all += p.core->pack().name + "=" + p.core->pack().hash + "\n";
    return sha256_hex(all);
  }

  StoredCheckpoint checkpoint(Instant now) const { return {last_seq, now, hash(), checkpoint_body()}; }

  Done restore(const StoredCheckpoint& kept) {
    ByteReader in(kept.body);
    if (in.get<std::uint32_t>() != checkpoint_version) return invalid("the checkpoint is of another version");
    const std::size_t n = in.count(8);
    for (std::size_t i = 0; i < n; ++i) {
      const std::string name = in.text(), body = in.text();
      RunningPack* p = find_pack(name);
      if (p == nullptr) continue;
      ByteReader core(body);
      if (const Done ok = p->core->restore(core); !ok) return ok.error().within("pack " + name);
    }
    if (!in.good() || !letters.read(in)) return invalid("the checkpoint is damaged");
    return done();
  }

  Store::Commit part_of(const CoreOutput& out) const {
    Store::Commit part;
    for (const auto& row : out.journal) part.journal.push_back(stored(row));
    for (const auto& n : out.notifications) {
      StoredNotification row;
      row.key = n.key;
      row.notifier = n.pack + "/" + n.notifier;
      row.payload = webhook_payload(n, options.external_url);
      row.created_at = row.next_at = n.at;
      row.give_up_at = n.at + hours(24);
      part.notifications.push_back(std::move(row));
    }
    return part;
  }

  // What was logged after the checkpoint, again. Its outputs are on disk already (same commit); the notifications are
  // offered once more and known ones fall out by their key, so an edited pack's new ones are not lost.
  Done recover() {
    const auto kept = store->newest_checkpoint();
    if (!kept) return kept.error();
    const bool is_new = !*kept;
    if (*kept) {
      if (const Done ok = restore(**kept); !ok) return ok.error().within("while restoring the checkpoint");
      last_seq = (*kept)->seq;
    }
    CoreOutput replayed;
    std::uint64_t count = 0;
    while (true) {
      auto inputs = store->inputs_after(last_seq, 1000);
      if (!inputs) return inputs.error().within("while replaying inputs");
      if (inputs->empty()) break;
      for (const auto& input : *inputs) {
        last_seq = input.seq;
        ++count;
        if (const Done ok = replay(input, replayed); !ok)
          return ok.error().within("while replaying input " + std::to_string(input.seq));
      }
    }
    replayed.journal.clear();
    if (!is_new || count > 0)
      for (auto& p : packs) p.core->restarted(options.clock(), replayed);
    Store::Commit part = part_of(replayed);
    if (const Done ok = store->commit(part); !ok) return ok.error();
    // The restart itself changed the cores and is no logged input: the checkpoint behind it is its record.
    if (const Done ok = store->checkpoint(checkpoint(options.clock()), options.history); !ok) return ok.error();
    log::info("recovered", {{"inputs", std::to_string(count)}, {"seq", std::to_string(last_seq)}});
    return done();
  }

  Done replay(const StoredInput& input, CoreOutput& out) {
    if (input.kind == StoredInput::Kind::tick) {
      for (auto& p : packs) p.core->tick(input.at, out);
    } else if (input.kind == StoredInput::Kind::batch) {
      const auto slash = input.stream.find('/');
      RunningPack* p = find_pack(input.stream.substr(0, slash));
      if (p == nullptr || slash == std::string::npos) return done();
      const std::string stream = input.stream.substr(slash + 1);
      if (p->decoders.count(stream) == 0) return done();
      ByteReader in(input.body);
      const auto batch = Batch::read(in);
      if (!batch) return batch.error();
      letters.add(input.at, input.stream, input.source, *batch);
      for (const auto& r : p->core->feed(stream, input.source, *batch, input.at, out))
        letters.add(input.at, input.stream, input.source, r);
    }
    return done();
  }

  std::shared_ptr<Notifier> make_notifier(const std::string& name, const NotifierSpec& spec) const {
    if (spec.kind == "console") return std::make_shared<ConsoleNotifier>(options.print);
    std::string url = spec.url;
    if (!spec.url_secret.empty() && options.secret) url = options.secret(spec.url_secret).value_or("");
    if (url.empty()) log::error("notifier_without_url", {{"notifier", name}, {"secret", spec.url_secret}});
    return std::make_shared<WebhookNotifier>(*client, url);
  }

  void set_notifiers() {
    auto all = departed;
    for (const auto& p : packs)
      for (const auto& n : p.core->pack().notifiers) {
        const std::string name = p.core->pack().name + "/" + n.name;
        all[name] = make_notifier(name, n);
      }
    outbox->set_notifiers(std::move(all));
  }

  void set_tails() {
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

  // --- inputs ---

  struct Applied {
    IngestAnswer answer;
    Store::Commit part;
  };

  Result<Applied> apply(RunningPack& p, const std::string& stream, const std::string& source, std::string_view body,
                        BodyFormat format, const std::string& batch_id) {
    auto batch = p.decoders.at(stream).decode(body, format);
    if (!batch) return batch.error();
    const Instant now = options.clock();
    const std::string address = p.core->pack().name + "/" + stream;
    CoreOutput out;
    const auto refused = p.core->feed(stream, source, *batch, now, out);
    Applied a;
    a.part = part_of(out);
    StoredInput input;
    input.kind = StoredInput::Kind::batch;
    input.at = now;
    input.stream = address;
    input.source = source;
    input.batch_id = batch_id;
    ByteWriter bytes;
    batch->write(bytes);
    input.body = bytes.take();
    a.part.inputs.push_back(std::move(input));
    for (const auto& [reason, n] : batch->rejected_counts) a.answer.rejected_by[reason] += n;
    for (const auto& r : refused) ++a.answer.rejected_by[r.reason];
    for (const auto& [reason, n] : a.answer.rejected_by) a.answer.rejected += n;
    a.answer.accepted = batch->rows - std::min(batch->rows, refused.size());
    a.answer.first_rejects = batch->rejected;
    a.answer.first_rejects.insert(a.answer.first_rejects.end(), refused.begin(), refused.end());
    if (a.answer.first_rejects.size() > 10) a.answer.first_rejects.resize(10);
    letters.add(now, address, source, *batch);
    for (const auto& r : refused) letters.add(now, address, source, r);
    return a;
  }

  HttpResponse unavailable() const {
    HttpResponse out = error_response(503, "the store cannot be written: " + commits->problem() + "; send it again");
    out.headers.emplace_back("Retry-After", "5");
    return out;
  }

  void ingest(const HttpRequest& request, HttpServer::Respond respond) {
    auto read = read_delivery(request, options.http.limits.body);
    if (read.refusal) return respond(std::move(*read.refusal));
    auto d = std::make_shared<Delivery>(std::move(read.delivery));
    std::vector<std::string> known;
    std::vector<std::string> holders;
    for (const auto& p : packs)
      for (const auto& s : p.core->pack().streams) {
        const std::string full = p.core->pack().name + "/" + s.name;
        known.push_back(s.name);
        if (d->stream == full || d->stream == s.name) holders.push_back(full);
      }
    if (holders.empty())
      return respond(error_response(404, "no stream \"" + d->stream + "\"" + did_you_mean(d->stream, known)));
    if (holders.size() > 1)
      return respond(error_response(
          409, "several packs have a stream \"" + d->stream + "\": say " + holders.front() + " or " + holders.back()));
    const std::string address = holders.front();
    const std::string key = IngestTickets::key(address, d->batch_id, d->body);
    if (auto* ticket = tickets.find(key);
        ticket != nullptr && (ticket->has_id || ticket->state != IngestTickets::State::committing))
      return redeem(key, *ticket, std::move(respond));
    if (d->batch_id.empty()) return take(address, key, *d, std::move(respond));
    auto seen = std::make_shared<bool>(false);
    worker->run([seen, address, d](Store& s) { *seen = s.has_batch(address, d->batch_id); },
                [this, seen, address, key, d, respond = std::move(respond)]() mutable {
                  if (*seen) {
                    IngestAnswer known_answer;
                    known_answer.duplicate = true;
                    return respond({200, "application/json", known_answer.json()});
                  }
                  // Two of the same id may have been asked about at once: the first to come back has a ticket now.
                  if (auto* ticket = tickets.find(key)) return redeem(key, *ticket, std::move(respond));
                  take(address, key, *d, std::move(respond));
                });
  }

  void redeem(const std::string& key, const IngestTickets::Ticket& ticket, HttpServer::Respond respond) {
    IngestAnswer answer = ticket.answer;
    answer.duplicate = true;
    if (ticket.state == IngestTickets::State::committed) {
      tickets.erase(key);
      return respond({200, "application/json", answer.json()});
    }
    // An empty part: answered when the commit that holds the first delivery (or a later one) worked.
    commits->add({}, [this, key, answer, respond = std::move(respond)](bool ok) {
      if (!ok) return respond(unavailable());
      tickets.erase(key);
      respond({200, "application/json", answer.json()});
    });
  }

  void take(const std::string& address, const std::string& key, const Delivery& d, HttpServer::Respond respond) {
    if (commits->waiting_bytes() > options.most_waiting_bytes) {
      commits->flush();
      return respond(unavailable());
    }
    const auto slash = address.find('/');
    RunningPack* p = find_pack(address.substr(0, slash));
    const std::string stream = address.substr(slash + 1);
    if (p == nullptr || p->decoders.count(stream) == 0)
      return respond(error_response(404, "the stream \"" + address + "\" was removed"));
    auto applied = apply(*p, stream, d.source, d.body, d.format, d.batch_id);
    if (!applied) return respond(error_response(400, applied.error().text));
    tickets.put(key, applied->answer, !d.batch_id.empty());
    commits->add(std::move(applied->part),
                 [this, key, answer = applied->answer, respond = std::move(respond)](bool ok) {
                   if (ok) {
                     tickets.erase(key);
                     return respond({200, "application/json", answer.json()});
                   }
                   if (auto* ticket = tickets.find(key)) ticket->state = IngestTickets::State::failed;
                   respond(unavailable());
                 });
    loop.wake_now();
  }

  void poll_tails() {
    for (auto& t : tails) {
      if (commits->waiting_bytes() > options.most_waiting_bytes) return;
      RunningPack* p = find_pack(t.pack);
      if (p == nullptr || p->decoders.count(t.stream) == 0) continue;
      // A few chunks a look: a backlog is caught up without holding the loop.
      for (int i = 0; i < 4; ++i) {
        auto chunk = t.file->poll();
        if (!chunk) {
          log::warning("file_tail_failed", {{"source", t.source}, {"problem", chunk.error().text}});
          break;
        }
        if (!*chunk) break;
        auto applied = apply(*p, t.stream, t.source, (*chunk)->body, t.format, "");
        if (!applied) {
          log::warning("file_tail_refused", {{"source", t.source}, {"problem", applied.error().text}});
          continue;
        }
        applied->part.inputs.front().offset_key = (*chunk)->offset_key;
        applied->part.inputs.front().offset = (*chunk)->offset;
        commits->add(std::move(applied->part), {});
      }
    }
  }

  Instant wake() {
    if (is_drained) return far_future;
    const Instant now = options.clock();
    if (now - last_tail >= seconds(1) || now < last_tail) {
      last_tail = now;
      poll_tails();
    }
    Instant due = far_future;
    for (const auto& p : packs) due = std::min(due, p.core->next_due());
    if (due <= now) {
      CoreOutput out;
      for (auto& p : packs) p.core->tick(now, out);
      StoredInput tick;
      tick.at = now;
      if (out.journal.empty() && out.notifications.empty()) {
        commits->add_quiet(std::move(tick));
      } else {
        Store::Commit part = part_of(out);
        part.inputs.push_back(std::move(tick));
        commits->add(std::move(part), {});
      }
      due = far_future;
      for (const auto& p : packs) due = std::min(due, p.core->next_due());
    }
    if (now - last_checkpoint >= options.checkpoint_every || now < last_checkpoint) {
      last_checkpoint = now;
      want_checkpoint();
    } else if (now - last_flush >= seconds(commits->is_failing() ? 1 : 5) || now < last_flush) {
      // Quiet ticks are at most 5 s from the disk: they bound how much down time a restart can misjudge.
      last_flush = now;
      commits->flush();
    }
    if (outbox->next_due() <= now) outbox->wake();
    Instant next = std::min({due, last_flush + seconds(1), last_checkpoint + options.checkpoint_every});
    if (outbox->next_due() > now) next = std::min(next, outbox->next_due());
    return std::max(next, now + milliseconds(1));
  }

  void want_checkpoint() {
    commits->want_checkpoint([this] { return checkpoint(options.clock()); }, options.history,
                             [](bool ok) {
                               if (!ok) log::error("checkpoint_failed");
                             });
  }

  // --- pages ---

  EngineFacts facts() const {
    EngineFacts f;
    f.version = options.version;
    for (const auto& p : packs) {
      const auto& spec = p.core->pack();
      f.packs[spec.name] = p.core->counters();
      for (const auto& s : spec.streams)
        if (const auto* c = p.core->metrics().counters(s.name)) f.streams.push_back({spec.name, s.name, *c});
      for (auto& a : p.core->alerts(true)) f.alerts.push_back(std::move(a));
    }
    f.commits = times;
    f.notifications = outbox->totals();
    f.store_failing = commits->is_failing();
    f.has_reload_failed = has_reload_failed;
    f.last_reload = last_reload;
    return f;
  }

  std::string dead_letters(const HttpRequest& request) const {
    std::string out = "{\"status\":\"success\",\"data\":[";
    bool first = true;
    for (const auto* l : letters.newest(100, request.parameter("stream").value_or(""))) {
      if (!std::exchange(first, false)) out += ",";
      out += "{\"at\":\"" + format_instant(l->at) + "\",\"stream\":\"" + json_escape(l->stream) + "\",\"source\":\"" +
             json_escape(l->source) + "\",\"line\":" + std::to_string(l->line) + ",\"reason\":\"" +
             json_escape(l->reason) + "\",\"detail\":\"" + json_escape(l->detail) + "\",\"record\":\"" +
             json_escape(l->record) + "\"}";
    }
    return out + "]}\n";
  }

  void handle(const HttpRequest& request, HttpServer::Respond respond) {
    const bool is_get = request.method == "GET", is_post = request.method == "POST";
    const auto& path = request.path;
    const bool is_records = path.rfind("/api/v1/records/", 0) == 0;
    if (is_records || path == "/-/reload") {
      if (!is_post) return refuse_method("POST", respond);
      if (is_records) return ingest(request, std::move(respond));
      const Done ok = reload_from_app();
      return respond(ok ? HttpResponse{200, "text/plain; charset=utf-8", "reloaded\n"}
                        : error_response(500, ok.error().text));
    }
    const bool is_page = path == "/" || path == home_page_style_path || path == "/metrics" || path == "/-/healthy" ||
                         path == "/-/ready" || path == "/api/v1/alerts" || path == "/api/v1/dead_letters";
    if (!is_page) return respond(error_response(404, "nothing at " + (path.empty() ? request.target : path)));
    if (!is_get) return refuse_method("GET", respond);
    if (path == "/metrics") return respond({200, metrics_content_type, metrics_page(facts())});
    if (path == "/api/v1/alerts") return respond({200, "application/json", alerts_json(facts().alerts)});
    if (path == "/api/v1/dead_letters") return respond({200, "application/json", dead_letters(request)});
    if (path == home_page_style_path) return respond({200, "text/css; charset=utf-8", home_page_style()});
    if (path == "/-/healthy") return respond({200, "text/plain; charset=utf-8", "healthy\n"});
    if (path == "/-/ready")
      return respond(is_drained ? HttpResponse{503, "text/plain; charset=utf-8", "ending\n"}
                                : HttpResponse{200, "text/plain; charset=utf-8", "ready\n"});
    HttpResponse page{200, "text/html; charset=utf-8", home_page(facts())};
    page.headers.emplace_back("Content-Security-Policy", home_page_policy);
    respond(std::move(page));
  }

  static void refuse_method(const char* allowed, const HttpServer::Respond& respond) {
    HttpResponse out = error_response(405, std::string("expected ") + allowed);
    out.headers.emplace_back("Allow", allowed);
    respond(std::move(out));
  }

  // Every monitor of a pack that is gone ends like a removed one: its state restored into a pack with nothing but the
  // notifiers.
  Done end_pack(const RunningPack& gone, const std::string& body, Instant now, CoreOutput& out) {
    PackSpec rest;
    rest.name = gone.core->pack().name;
    rest.notifiers = gone.core->pack().notifiers;
    auto core = Core::create(std::move(rest), nullptr, nullptr);
    if (!core) return core.error();
    ByteReader in(body);
    if (const Done ok = (*core)->restore(in); !ok) return ok;
    (*core)->tick(now, out);
    return done();
  }

  Done reload(std::vector<EnginePack> next) {
    const Done ok = swap(std::move(next));
    has_reload_failed = !ok;
    if (ok) last_reload = options.clock();
    return ok;
  }

  Done swap(std::vector<EnginePack> next) {
    const Instant now = options.clock();
    std::map<std::string, std::string> bodies;
    for (const auto& p : packs) {
      ByteWriter bytes;
      p.core->save(bytes);
      bodies[p.core->pack().name] = bytes.take();
    }
    std::vector<RunningPack> built;
    CoreOutput out;
    for (auto& pack : next) {
      auto p = build(std::move(pack));
      if (!p) return p.error();
      const std::string name = p->core->pack().name;
      if (const auto body = bodies.find(name); body != bodies.end()) {
        ByteReader in(body->second);
        if (const Done ok = p->core->restore(in); !ok) return ok.error().within("pack " + name);
        bodies.erase(body);
      }
      // What the edit ended is told now: a checkpoint holds nothing of it.
      p->core->tick(now, out);
      built.push_back(std::move(*p));
    }
    std::map<std::string, std::shared_ptr<Notifier>> leaving;
    for (const auto& [name, body] : bodies) {
      const RunningPack* gone = find_pack(name);
      if (const Done ok = end_pack(*gone, body, now, out); !ok) return ok.error().within("removed pack " + name);
      for (const auto& n : gone->core->pack().notifiers)
        leaving[name + "/" + n.name] = make_notifier(name + "/" + n.name, n);
    }
    for (auto& [name, notifier] : leaving) departed[name] = std::move(notifier);
    packs = std::move(built);
    Store::Commit part = part_of(out);
    for (const auto kind : {StoredInput::Kind::reload, StoredInput::Kind::tick}) {
      StoredInput mark;
      mark.kind = kind;
      mark.at = now;
      part.inputs.push_back(std::move(mark));
    }
    commits->add(std::move(part), {});
    set_notifiers();
    set_tails();
    want_checkpoint();  // what the old rules made of the inputs so far is not computed again with the new ones
    loop.wake_now();
    log::info("reloaded", {{"packs", std::to_string(packs.size())}});
    return done();
  }

  Done reload_from_app() {
    if (!load) return invalid("nothing to reload from");
    auto next = load();
    if (!next) {
      has_reload_failed = true;
      return next.error();
    }
    return reload(std::move(*next));
  }

  Done drain() {
    if (is_drained) return done();
    is_drained = true;
    if (server) server->drain();
    bool ok = true;
    worker->wait();
    commits->want_checkpoint([this] { return checkpoint(options.clock()); }, options.history,
                             [&ok](bool worked) { ok = worked; });
    // Each wait may deliver an ending that starts the next commit.
    for (int i = 0; i < 3; ++i) worker->wait();
    if (!ok || commits->is_failing()) return io_error("the last state could not be written: " + commits->problem());
    return done();
  }
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Engine>> Engine::start(Loop& loop, EngineOptions options, std::vector<EnginePack> packs) {
  auto state = std::make_unique<State>(loop, std::move(options));
  State* s = state.get();
  auto store = Store::open(s->options.state_folder);
  if (!store) return store.error();
  s->store = std::move(*store);
  for (auto& pack : packs) {
    auto p = State::build(std::move(pack));
    if (!p) return p.error();
    s->packs.push_back(std::move(*p));
  }
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
      log::error("commit_failed", {{"problem", s->commits->problem()}});
    }
  };
  s->set_notifiers();
  s->set_tails();
  auto server = HttpServer::listen(loop, s->options.http, [s](const HttpRequest& request, HttpServer::Respond respond) {
    s->handle(request, std::move(respond));
  });
  if (!server) return server.error();
  s->server = std::move(*server);
  if (s->options.external_url.empty())
    s->options.external_url = "http://" + s->options.http.address + ":" + std::to_string(s->server->port());
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

void Engine::run() {
  State* s = state_.get();
  const auto end = [s] {
    if (const Done ok = s->drain(); !ok) log::error("drain_failed", {{"problem", ok.error().text}});
    s->loop.stop();
  };
  s->loop.on_signal(SIGTERM, end);
  s->loop.on_signal(SIGINT, end);
  s->loop.on_signal(SIGHUP, [s] {
    if (const Done ok = s->reload_from_app(); !ok) log::error("reload_failed", {{"problem", ok.error().text}});
  });
  s->loop.run();
}

}  // namespace tidewatch
