// `tidewatch baseline`: which rows the baselines of packs stand for, and the word that new ones are meant. It works
// beside a running engine, which takes up what was pinned at its next reload.
#include <algorithm>
#include <cstdio>
#include <map>

#include "app/clock.h"
#include "app/commands.h"
#include "base/text.h"
#include "core/baseline_file.h"
#include "io/stored_baseline.h"
#include "store/store.h"

namespace tidewatch {
namespace {

std::string span_text(const StoredBaseline& b) {
  return b.to > b.from ? format_instant(b.from) + " to " + format_instant(b.to) : std::string("no rows");
}

}  // namespace

int baseline_list_command(const BaselineArguments& a) {
  auto store = Store::open_beside(a.state);
  if (!store) return complain(store.error().text, 1);
  auto all = (*store)->baselines(a.pack.empty() ? "" : pack_name(a.pack));
  if (!all) return complain(all.error().text, 1);
  std::reverse(all->begin(), all->end());
  std::stable_sort(all->begin(), all->end(), [](const StoredBaseline& x, const StoredBaseline& y) {
    return std::tie(x.pack, x.name) < std::tie(y.pack, y.name);
  });
  std::map<std::string, int> versions;
  for (const StoredBaseline& b : *all) {
    const int version = ++versions[b.pack + "/" + b.name];
    std::printf("%s/%s version %d, %s at %s\n  %s rows from %s\n  SHA-256 %s\n", b.pack.c_str(), b.name.c_str(),
                version, b.how.c_str(), format_instant(b.at).c_str(), with_thousands(b.rows).c_str(),
                span_text(b).c_str(), b.hash.c_str());
  }
  if (all->empty()) std::fprintf(stderr, "no baseline is pinned in %s\n", a.state.c_str());
  return 0;
}

int baseline_pin_command(const BaselineArguments& a) {
  const auto pack = load_or_explain(a.pack);
  if (!pack) return 1;
  auto core = Core::create(pack->spec(), pack.get(), pack.get());
  if (!core) return complain(core.error().text, 1);
  std::vector<std::string> names;
  const BaselineSpec* spec = nullptr;
  for (const auto& each : pack->spec().baselines) {
    names.push_back(each.name);
    if (each.name == a.name) spec = &each;
  }
  if (!spec)
    return complain("pack " + pack->spec().name + " has no baseline \"" + a.name + "\"" + did_you_mean(a.name, names),
                    1);
  if (spec->file.empty())
    return complain("baseline \"" + a.name + "\" is a span of stream \"" + spec->stream +
                        "\" and is learnt as it passes; to learn another one, change its `from` and `to`",
                    1);
  const auto given = give_baseline_file(**core, *spec);
  if (!given) return complain(given.error().text, 1);
  if (!given->empty()) std::fprintf(stderr, "tidewatch: warning: %s\n", given->c_str());
  for (const auto& view : (*core)->metrics().baselines()) {
    if (view.spec->name != a.name) continue;
    auto store = Store::open_beside(a.state);
    if (!store) return complain(store.error().text, 1);
    auto known = (*store)->baselines(pack->spec().name);
    if (!known) return complain(known.error().text, 1);
    std::erase_if(*known, [&](const StoredBaseline& each) { return each.name != a.name; });
    const bool is_same =
        !known->empty() && known->front().hash == view.evidence->hash && known->front().definition == view.definition;
    const StoredBaseline row = pin_of(pack->spec().name, view, wall_now(), "pinned");
    Store::Commit part;
    part.baselines.push_back(row);
    if (const Done kept = (*store)->commit(part); !kept) return complain(kept.error().text, 1);
    std::printf("%s/%s version %zu%s\n  %s rows from %s\n  SHA-256 %s\n", row.pack.c_str(), row.name.c_str(),
                known->size() + (is_same ? 0 : 1), is_same ? ", pinned already" : "", with_thousands(row.rows).c_str(),
                span_text(row).c_str(), row.hash.c_str());
    if (!is_same) std::fprintf(stderr, "a running engine takes it up when it is reloaded: POST /-/reload, or SIGHUP\n");
    return 0;
  }
  return 1;
}

}  // namespace tidewatch
