// Baselines and the store: what the rows of a frozen file were when they were pinned, and the rows of pinned spans,
// which lie nowhere else once they have passed. A file that changed is refused instead of used: a reference that moves
// under an alert explains nothing.
#include "base/log.h"
#include "base/text.h"
#include "io/engine_state.h"
#include "io/stored_baseline.h"

namespace tidewatch {

void Engine::State::ask_store(const std::function<void(Store&)>& question) {
  if (!worker) return question(*store);
  worker->run(question);
  worker->wait();
}

Done Engine::State::check_pins(Core& core) {
  const std::string& pack = core.pack().name;
  Result<std::vector<StoredBaseline>> known = std::vector<StoredBaseline>();
  ask_store([&](Store& from) { known = from.baselines(pack); });
  if (!known) return known.error();
  std::vector<StoredBaseline> first_seen;
  for (const auto& view : core.metrics().baselines()) {
    if (view.spec->file.empty() || !view.is_sealed) continue;
    const BaselineEvidence& ours = *view.evidence;
    const auto pinned = std::find_if(known->begin(), known->end(), [&](const StoredBaseline& each) {
      return each.name == ours.name && each.definition == view.definition;
    });
    if (pinned != known->end() && pinned->hash == ours.hash) continue;
    if (pinned != known->end())
      return Error{ErrorCode::conflict,
                   "baseline \"" + ours.name + "\": " + view.spec->file + " has other rows than those pinned at " +
                       format_instant(pinned->at) + ": " + with_thousands(view.rows) + " with SHA-256 " +
                       ours.hash.substr(0, 12) + ", pinned are " + with_thousands(pinned->rows) + " with " +
                       pinned->hash.substr(0, 12) +
                       "; put the file back, or pin the new rows with: tidewatch baseline " + "pin " +
                       core.pack().folder + " " + ours.name + " --state " + options.state_folder};
    first_seen.push_back(pin_of(pack, view, options.clock(), "first seen"));
  }
  if (first_seen.empty()) return done();
  for (const auto& row : first_seen)
    log::info("baseline_pinned",
              {{"pack", pack}, {"baseline", row.name}, {"rows", std::to_string(row.rows)}, {"sha256", row.hash}});
  Done kept = done();
  ask_store([&](Store& to) {
    Store::Commit part;
    part.baselines = std::move(first_seen);
    kept = to.commit(part);
  });
  // A store that cannot be written must not keep a pack from loading: it is pinned at the next load then.
  if (!kept) log::warning("baseline_not_pinned", {{"pack", pack}, {"problem", kept.error().text}});
  return done();
}

Done Engine::State::give_learnt(Core& core) {
  for (const auto& view : core.metrics().baselines()) {
    if (!view.spec->has_span) continue;
    Result<std::vector<StoredBaseline>> known = std::vector<StoredBaseline>();
    std::optional<StoredBaseline> found;
    Done read = done();
    ask_store([&](Store& from) {
      known = from.baselines(core.pack().name);
      if (!known) return;
      for (const StoredBaseline& each : *known) {
        if (each.name != view.spec->name || each.definition != view.definition) continue;
        auto whole = from.baseline(each.id);
        if (whole)
          found = std::move(*whole);
        else
          read = whole.error();
        return;
      }
    });
    if (!known) return known.error();
    if (!read) return read.error();
    if (!found) continue;
    ByteReader in(found->body);
    auto rows = Batch::read(in);
    if (!rows) return rows.error().within("baseline " + found->name);
    MetricEngine::LearntBaseline learnt;
    learnt.name = found->name;
    learnt.definition = found->definition;
    learnt.hash = found->hash;
    learnt.total = found->rows;
    learnt.rows = std::move(*rows);
    core.metrics().baseline_learnt(learnt);
  }
  return done();
}

}  // namespace tidewatch
