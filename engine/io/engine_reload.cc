// New packs for old between two inputs. Whatever cannot be built leaves the running packs as they are.
#include "io/engine_state.h"

#include "base/log.h"

namespace tidewatch {

Done Engine::State::end_pack(const RunningPack& gone, const std::string& body, Instant now, CoreOutput& out) {
  auto core = without_monitors(gone.core->pack(), body);
  if (!core) return core.error();
  (*core)->tick(now, out);
  return done();
}

Done Engine::State::reload(std::vector<EnginePack> next) {
  const Done ok = swap(std::move(next));
  has_reload_failed = !ok;
  ++(ok ? reloads : failed_reloads);
  if (ok) last_reload = options.clock();
  return ok;
}

Done Engine::State::swap(std::vector<EnginePack> next) {
  const Instant now = take_time();
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
      if (const Done ok = give_learnt(*p->core); !ok) return ok.error().within("pack " + name);
      bodies.erase(body);
    }
    built.push_back(std::move(*p));
  }
  for (auto& p : built) {
    if (absent.count(p.core->pack().name) != 0) {
      if (const Done ok = welcome_back(p, out); !ok) return ok;
      p.core->restarted(now, out);
    }
    p.core->release_scripts();
    p.scripts->begin_live(monotonic_now());
    // What the edit ended is told now: a checkpoint holds nothing of it.
    p.core->tick(now, out);
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
  share.set_packs(packs.size());
  Store::Commit part = part_of(out);
  for (const auto kind : {StoredInput::Kind::reload, StoredInput::Kind::tick}) {
    StoredInput mark;
    mark.kind = kind;
    mark.at = now;
    part.inputs.push_back(std::move(mark));
  }
  // What the old rules made of the inputs so far is not computed again with the new ones.
  commits->want_checkpoint([this] { return checkpoint(); }, options.kept, {}, true);
  commits->add(std::move(part), {});
  set_notifiers();
  set_tails();
  loop.wake_now();
  log::info("reloaded", {{"packs", std::to_string(packs.size())}});
  return done();
}

Done Engine::State::reload_from_app() {
  if (!load) return invalid("nothing to reload from");
  auto next = load();
  if (!next) {
    has_reload_failed = true;
    ++failed_reloads;
    return next.error();
  }
  return reload(std::move(*next));
}

}  // namespace tidewatch
