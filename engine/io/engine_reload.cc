// New packs for old between two inputs. Whatever cannot be built leaves the running packs as they are.
#include "io/engine_state.h"

#include "base/log.h"

namespace tidewatch {

Done Engine::State::end_pack(const RunningPack& gone, const std::string& body, Instant now, CoreOutput& out) {
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

Done Engine::State::reload(std::vector<EnginePack> next) {
  const Done ok = swap(std::move(next));
  has_reload_failed = !ok;
  ++(ok ? reloads : failed_reloads);
  if (ok) last_reload = options.clock();
  return ok;
}

Done Engine::State::swap(std::vector<EnginePack> next) {
  const Instant now = options.clock();
  std::map<std::string, std::string> bodies;
  for (const auto& p : packs) {
    ByteWriter bytes;
    p.core->save(bytes);
    bodies[p.core->pack().name] = bytes.take();
  }
  for (const auto& pack : next)  // one that was not loaded at the start is back
    if (const auto back = absent.find(pack.spec.name); back != absent.end()) bodies[back->first] = back->second;
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
    p->core->release_scripts();
    p->scripts->begin_live(monotonic_now());
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
  for (const auto& p : packs) absent.erase(p.core->pack().name);
  share.set_packs(packs.size());
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
