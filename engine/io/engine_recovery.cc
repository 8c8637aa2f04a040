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

constexpr std::uint32_t checkpoint_version = 1;

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

}  // namespace

std::string Engine::State::checkpoint_body() const {
  ByteWriter out;
  out.put(checkpoint_version);
  out.put(static_cast<std::uint64_t>(packs.size() + absent.size()));
  for (const auto& [name, body] : absent) {
    out.text(name);
    out.text(body);
  }
  for (const auto& p : packs) {
    ByteWriter core;
    p.core->save(core);
    out.text(p.core->pack().name);
    out.text(core.bytes());
  }
  letters.write(out);
  return out.take();
}

std::string Engine::State::hash() const {
  std::string all;
  for (const auto& p : packs) all += p.core->pack().name + "=" + p.core->pack().hash + "\n";
  return sha256_hex(all);
}

Done Engine::State::restore(const StoredCheckpoint& kept) {
  ByteReader in(kept.body);
  if (in.get<std::uint32_t>() != checkpoint_version) return invalid("the checkpoint is of another version");
  const std::size_t n = in.count(8);
  for (std::size_t i = 0; i < n; ++i) {
    const std::string name = in.text(), body = in.text();
    RunningPack* p = find_pack(name);
    if (p == nullptr) {
      const auto& known = options.absent_packs;
      if (std::find(known.begin(), known.end(), name) != known.end()) absent[name] = body;
      continue;
    }
    ByteReader core(body);
    if (const Done ok = p->core->restore(core); !ok) return ok.error().within("pack " + name);
  }
  if (!in.good() || !letters.read(in)) return invalid("the checkpoint is damaged");
  return done();
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
  return part;
}

Done Engine::State::recover() {
  const auto kept = store->newest_checkpoint();
  if (!kept) return kept.error();
  const bool is_new = !*kept;
  if (*kept) {
    for (auto& p : packs) p.core->release_scripts();
    if (const Done ok = restore(**kept); !ok) return ok.error().within("while restoring the checkpoint");
    last_seq = (*kept)->seq;
  }
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
      if (const Done ok = replay(input, replayed); !ok)
        return ok.error().within("while replaying input " + std::to_string(input.seq));
    }
  }
  for (auto& p : packs) p.scripts->end_replay();
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

std::string Engine::State::take_outcomes(const std::string& body, const std::string& pack) const {
  ByteReader in(body);
  while (!body.empty() && in.good()) {
    const std::string name = in.text();
    std::string record = in.text();
    if (name == pack && in.good()) return record;
  }
  return {};
}

Done Engine::State::replay(const StoredInput& input, CoreOutput& out) {
  if (input.kind == StoredInput::Kind::outcomes) {
    replayed_outcomes = input.body;
  } else if (input.kind == StoredInput::Kind::tick) {
    const std::string decided = std::exchange(replayed_outcomes, {});
    for (auto& p : packs) {
      p.scripts->begin_replay(take_outcomes(decided, p.core->pack().name));
      p.core->tick(input.at, out);
    }
  } else if (input.kind == StoredInput::Kind::batch) {
    const std::string decided = std::exchange(replayed_outcomes, {});
    const auto slash = input.stream.find('/');
    RunningPack* p = find_pack(input.stream.substr(0, slash));
    if (p == nullptr || slash == std::string::npos) return done();
    const std::string stream = input.stream.substr(slash + 1);
    if (p->decoders.count(stream) == 0) return done();
    ByteReader in(input.body);
    const auto batch = Batch::read(in);
    if (!batch) return batch.error();
    letters.add(input.at, input.stream, input.source, *batch);
    p->scripts->begin_replay(take_outcomes(decided, p->core->pack().name));
    for (const auto& r : p->core->feed(stream, input.source, *batch, input.at, out))
      letters.add(input.at, input.stream, input.source, r);
  }
  return done();
}

}  // namespace tidewatch
