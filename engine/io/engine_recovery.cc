// A restart: the newest checkpoint, then the logged inputs behind it once more. Both are written here too, so that what
// is read and what is written stand side by side.
#include "io/engine_state.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "io/webhook_payload.h"

namespace tidewatch {

namespace {

constexpr std::uint32_t checkpoint_version = 2;  // 2: absent packs

void write_input(const StoredInput& input, ByteWriter& out) {
  out.put(input.kind);
  out.put(input.at.ns);
  out.text(input.stream);
  out.text(input.source);
  out.text(input.body);
}

StoredInput read_input(ByteReader& in) {
  StoredInput out;
  const auto kind = in.get<std::uint8_t>();
  if (kind > static_cast<std::uint8_t>(StoredInput::Kind::pause)) in.fail();
  out.kind = static_cast<StoredInput::Kind>(kind);
  out.at.ns = in.nanoseconds();
  out.stream = in.text();
  out.source = in.text();
  out.body = in.text();
  return out;
}

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

StoredBaseline stored(const MetricEngine::LearntBaseline& learnt) {
  StoredBaseline out;
  out.pack = learnt.pack;
  out.name = learnt.name;
  out.definition = learnt.definition;
  out.hash = learnt.hash;
  out.rows = learnt.total;
  out.from = learnt.from;
  out.to = learnt.to;
  out.at = learnt.at;
  out.how = "learnt";
  ByteWriter body;
  learnt.rows.write(body);
  out.body = body.take();
  return out;
}

}  // namespace

std::string Engine::State::checkpoint_body() const {
  ByteWriter out;
  out.reserve(checkpoint_size + checkpoint_size / 8);  // it is about as long as the last one
  out.put(checkpoint_version);
  out.put(static_cast<std::uint64_t>(packs.size()));
  for (const auto& p : packs) {
    out.text(p.core->pack().name);
    const std::size_t core = out.begin_text();
    p.core->save(out);
    out.end_text(core);
  }
  letters.write(out);
  out.put(static_cast<std::uint64_t>(absent.size()));
  for (const auto& [name, pack] : absent) {
    out.text(name);
    out.put(pack.since.ns);
    out.text(pack.body);
    out.put(static_cast<std::uint64_t>(pack.inputs.size()));
    for (const StoredInput& input : pack.inputs) write_input(input, out);
  }
  return out.take();
}

std::string Engine::State::hash() const {
  std::string all;
  for (const auto& p : packs) all += p.core->pack().name + "=" + p.core->pack().hash + "\n";
  return sha256_hex(all);
}

StoredCheckpoint Engine::State::checkpoint() {
  StoredCheckpoint out{last_seq, options.clock(), hash(), checkpoint_body()};
  checkpoint_size = out.body.size();
  return out;
}

Done Engine::State::restore(const StoredCheckpoint& kept) {
  ByteReader in(kept.body);
  const auto version = in.get<std::uint32_t>();
  if (version < 1 || version > checkpoint_version)
    return invalid("the checkpoint is of version " + std::to_string(version) + ", this program reads versions 1 to " +
                   std::to_string(checkpoint_version));
  const std::size_t n = in.count(8);
  for (std::size_t i = 0; i < n && in.good(); ++i) {
    const std::string name = in.text(), body = in.text();
    RunningPack* p = find_pack(name);
    if (p == nullptr) {
      absent[name] = {options.clock(), body, {}, nullptr, true};
      continue;
    }
    ByteReader core(body);
    if (const Done ok = p->core->restore(core); !ok) return ok.error().within("pack " + name);
    if (const Done ok = give_learnt(*p->core); !ok) return ok.error().within("pack " + name);
  }
  if (!in.good() || !letters.read(in)) return invalid("the checkpoint is damaged");
  if (version >= 2) {
    const std::size_t missing = in.count(8);
    for (std::size_t i = 0; i < missing && in.good(); ++i) {
      AbsentPack& pack = absent[in.text()];
      pack.since.ns = in.nanoseconds();
      pack.body = in.text();
      const std::size_t inputs = in.count(8);
      for (std::size_t k = 0; k < inputs && in.good(); ++k) pack.inputs.push_back(read_input(in));
    }
    if (!in.good()) return invalid("the checkpoint is damaged");
  }
  checkpoint_size = kept.body.size();
  return done();
}

Result<std::unique_ptr<Core>> Engine::State::without_monitors(const PackSpec& of, const std::string& body) const {
  PackSpec rest;
  rest.name = of.name;
  rest.notifiers = of.notifiers;
  auto core = Core::create(std::move(rest), nullptr, nullptr);
  if (!core) return core.error();
  ByteReader in(body);
  if (const Done ok = (*core)->restore(in); !ok) return ok.error();
  return core;
}

Store::Commit Engine::State::part_of(const CoreOutput& out) const {
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
  for (const auto& learnt : out.baselines) part.baselines.push_back(stored(learnt));
  return part;
}

Done Engine::State::recover() {
  if (const Done sound = store->check_sound(); !sound) return sound;
  std::size_t damaged = 0;
  const auto kept = store->newest_checkpoint(&damaged);
  if (!kept) return kept.error();
  has_lost_checkpoints = damaged > 0 && !*kept;
  if (damaged > 0 && *kept)
    log::warning("checkpoint_damaged", {{"damaged", std::to_string(damaged)},
                                        {"instead", "the one before it, of input " + std::to_string((*kept)->seq)}});
  const bool is_new = !*kept;
  if (*kept) {
    for (auto& p : packs) p.core->release_scripts();
    if (const Done ok = restore(**kept); !ok) return ok.error().within("while restoring the checkpoint");
    last_seq = (*kept)->seq;
  }
  const std::size_t absent_before = absent.size();
  CoreOutput replayed;
  // Before anything of it is called again: the input it died in may be among those that follow.
  for (auto& p : packs)
    if (*kept && !p.pack.suspicion.empty()) p.core->quarantine_scripts(p.pack.suspicion, options.clock());
  std::uint64_t count = 0;
  while (true) {
    auto inputs = store->inputs_after(last_seq, 1000);
    if (!inputs) return inputs.error().within("while replaying inputs");
    if (inputs->empty()) break;
    for (const auto& input : *inputs) {
      last_seq = input.seq;
      ++count;
      replayed_bytes += input.body.size() + CommitQueue::bytes_an_input;
      if (const Done ok = replay(input, replayed); !ok)
        return ok.error().within("while replaying input " + std::to_string(input.seq));
    }
  }
  for (auto& p : packs) p.scripts->end_replay();
  replayed.journal.clear();
  for (auto& p : packs)
    if (const Done ok = welcome_back(p, replayed); !ok) return ok;
  for (const auto& p : packs) clock.not_before(p.core->now());
  const Instant now = options.clock();
  Store::Commit part;
  if (!is_new || count > 0 || has_lost_checkpoints) {
    for (auto& p : packs) p.core->restarted(now, replayed);
    StoredInput input;
    input.kind = StoredInput::Kind::pause;
    input.at = now;
    input.source = "restart";
    part.inputs.push_back(std::move(input));
  }
  // Told by a process that ended before it could tell the end: its checkpoint is what was read.
  const auto told_before = store->journal("tidewatch/store", 1);
  if (!told_before) return told_before.error();
  if (!told_before->empty() && told_before->front().to == "firing" && !has_lost_checkpoints) {
    CoreOutput known;
    health.raise("store", Severity::critical, told_before->front().reason, told_before->front().at, {}, known);
    health.settle("store", "a new checkpoint is on disk", now, health_targets(), replayed);
  }
  if (has_lost_checkpoints) {
    const std::string what = "all " + std::to_string(damaged) +
                             " checkpoints were damaged: the state was made anew from " + std::to_string(count) +
                             " inputs that are left; alerts, windows and baselines older than these are lost, and what "
                             "fires again is told again";
    log::error("checkpoints_lost", {{"inputs", std::to_string(count)}, {"problem", what}});
    health.raise("store", Severity::critical, what, now, health_targets(), replayed);
  }
  for (auto& [name, pack] : absent) {
    pack.is_new = false;
    PackSpec of;
    of.name = name;
    auto held = without_monitors(of, pack.body);
    if (!held) return held.error().within("pack " + name);
    pack.held = std::move(*held);
    log::error("pack_absent", {{"pack", name}, {"alerts_held", std::to_string(pack.held->orphans().size())}});
    health.raise(absent_condition(name), Severity::warning,
                 "pack " + name + " was not given at start: its " + std::to_string(pack.held->orphans().size()) +
                     " alerts are held until " + format_instant(pack.since + options.absent_packs_kept) +
                     "; start with the pack again, or leave it to end them",
                 pack.since, health_targets(), replayed);
  }
  Store::Commit told = part_of(replayed);
  part.journal = std::move(told.journal);
  part.notifications = std::move(told.notifications);
  part.baselines = std::move(told.baselines);
  // Who is absent and since when, and what is quarantined before anything is called, is in no input. And should a
  // function kill the process again, the next start restores what stands now before it silences that pack: replayed
  // without its functions, its alerts would be lost.
  const bool is_suspect = options.has_died_in_script || std::any_of(packs.begin(), packs.end(), [](const auto& p) {
                            return !p.pack.suspicion.empty();
                          });
  // Else what was made is not saved before the first request is taken: the inputs are still there, and would make it
  // again. Writing it took three quarters of a start with a hundred thousand label sets. Only a process that keeps
  // dying before its checkpoint is on disk waits for one, or each start would go through more than the last.
  const bool is_long = replayed_bytes > 2 * std::max(options.checkpoint_bytes, checkpoint_size);
  if (is_long || !absent.empty() || absent_before != 0 || is_suspect || has_lost_checkpoints) {
    part.checkpoint = checkpoint();
    part.kept = options.kept;
  }
  if (const Done ok = store->commit(part); !ok) return ok.error();
  if (!part.inputs.empty()) last_seq = part.inputs.back().seq;
  log::info("recovered", {{"inputs", std::to_string(count)}, {"seq", std::to_string(last_seq)}});
  return done();
}

std::string Engine::State::take_outcomes(const std::string& body, const std::string& pack) {
  ByteReader in(body);
  while (!body.empty() && in.good()) {
    const std::string name = in.text();
    std::string record = in.text();
    if (name == pack && in.good()) return record;
  }
  return {};
}

Done Engine::State::welcome_back(RunningPack& p, CoreOutput& out) {
  const std::string name = p.core->pack().name;
  const auto found = absent.find(name);
  if (found == absent.end()) return done();
  const AbsentPack& kept = found->second;
  ByteReader in(kept.body);
  if (const Done ok = p.core->restore(in); !ok) return ok.error().within("pack " + name);
  if (const Done ok = give_learnt(*p.core); !ok) return ok.error().within("pack " + name);
  CoreOutput replayed;  // as in recover(): its journal is on disk
  for (const StoredInput& input : kept.inputs)
    if (const Done ok = replay(p, input, letters, replayed); !ok) return ok.error().within("pack " + name);
  p.scripts->end_replay();
  out.notifications.insert(out.notifications.end(), replayed.notifications.begin(), replayed.notifications.end());
  std::move(replayed.baselines.begin(), replayed.baselines.end(), std::back_inserter(out.baselines));
  health.raise(absent_condition(name), Severity::warning, "", kept.since, {}, out);  // told then, by another process
  health.settle(absent_condition(name), "pack " + name + " is back", options.clock(), health_targets(), out);
  absent.erase(found);
  return done();
}

Done Engine::State::replay(const StoredInput& input, CoreOutput& out) {
  for (auto& p : packs) {
    if (absent.count(p.core->pack().name) != 0) continue;  // was away when this was logged: welcomed back afterwards
    if (const Done ok = replay(p, input, letters, out); !ok) return ok;
  }
  for (auto& [name, pack] : absent)
    if (pack.is_new)
      if (input.kind != StoredInput::Kind::batch || input.stream.rfind(name + "/", 0) == 0)
        pack.inputs.push_back(input);
  return done();
}

Done Engine::State::replay(RunningPack& p, const StoredInput& input, DeadLetterRing& letters, CoreOutput& out) {
  const std::string& name = p.core->pack().name;
  if (input.kind == StoredInput::Kind::outcomes) {
    p.replayed_outcomes = take_outcomes(input.body, name);
    return done();
  }
  const std::string decided = std::exchange(p.replayed_outcomes, {});
  if (input.kind == StoredInput::Kind::tick) {
    p.scripts->begin_replay(decided);
    p.core->tick(input.at, out);
  } else if (input.kind == StoredInput::Kind::pause) {
    p.core->restarted(input.at, out, input.source == "sleep" ? Core::Outage::sleep : Core::Outage::restart);
  } else if (input.kind == StoredInput::Kind::batch) {
    const auto slash = input.stream.find('/');
    if (slash == std::string::npos || input.stream.substr(0, slash) != name) return done();
    const std::string stream = input.stream.substr(slash + 1);
    if (p.decoders.count(stream) == 0) return done();
    ByteReader in(input.body);
    const auto batch = Batch::read(in);
    if (!batch) return batch.error();
    letters.add(input.at, input.stream, input.source, *batch);
    p.scripts->begin_replay(decided);
    for (const auto& r : p.core->feed(stream, input.source, *batch, input.at, out))
      letters.add(input.at, input.stream, input.source, r);
  }
  return done();
}

void Engine::State::drop_absent(Instant now) {
  for (auto it = absent.begin(); it != absent.end();) {
    const auto& on_purpose = options.absent_packs;
    if (now - it->second.since < options.absent_packs_kept ||
        std::find(on_purpose.begin(), on_purpose.end(), it->first) != on_purpose.end()) {
      ++it;
      continue;
    }
    CoreOutput out;
    it->second.held->tick(now, out);  // each ends as `monitor removed`
    health.settle(absent_condition(it->first),
                  "pack " + it->first + " has been absent for " + format_duration(now - it->second.since) +
                      ": its alerts are dropped",
                  now, health_targets(), out);
    it = absent.erase(it);
    commits->want_checkpoint([this] { return checkpoint(); }, options.kept, {}, true);
    commits->add(part_of(out), {});
  }
}

}  // namespace tidewatch
