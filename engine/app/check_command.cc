#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/text.h"
#include "core/baseline_file.h"
#include "metrics/memory_estimate.h"

namespace tidewatch {

namespace {

// What `run` would refuse for its baselines' files, and the rows of them it would leave out.
void check_baselines(ScriptPack& pack, std::vector<Problem>& problems) {
  auto core = Core::create(pack.spec(), &pack, &pack);
  if (!core) return;  // said already, with its place
  for (const BaselineSpec& baseline : pack.spec().baselines) {
    if (baseline.file.empty()) continue;
    const auto given = give_baseline_file(**core, baseline);
    if (given && given->empty()) continue;
    problems.push_back(pack.problem_of("baseline", baseline.name, given ? *given : given.error().text));
    problems.back().is_warning = static_cast<bool>(given);
  }
}

}  // namespace

int check_command(const CheckArguments& arguments) {
  std::size_t errors = 0, warnings = 0;
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const auto& folder : arguments.packs) {
    std::vector<Problem> problems;
    const auto pack = ScriptPack::load(folder, problems);
    if (pack) check_baselines(*pack, problems);
    for (const auto& p : problems) {
      ++(p.is_warning ? warnings : errors);
      if (arguments.json)
        all.push_back({{"file", p.file},
                       {"line", p.line},
                       {"column", p.column},
                       {"path", p.path},
                       {"what", p.what},
                       {"expected", p.expected},
                       {"got", p.got},
                       {"nearest", p.nearest},
                       {"warning", p.is_warning}});
      else
        std::printf("%s\n", p.text().c_str());
    }
    if (pack && !arguments.json) {
      const PackSpec& s = pack->spec();
      const auto joins = static_cast<std::size_t>(std::count_if(
          s.streams.begin(), s.streams.end(), [](const StreamSpec& each) { return each.join.has_value(); }));
      std::fprintf(stderr, "%s: %zu streams, %zu metrics, %zu monitors\n", s.name.c_str(), s.streams.size() - joins,
                   s.handles.size(), s.monitors.size());
      if (const auto estimates = estimate_memory(s.streams, s.handles); !estimates.empty())
        std::fprintf(stderr, "%s: full windows take about %s\n", s.name.c_str(), describe(estimates).c_str());
    } else if (!pack && problems.empty()) {
      ++errors;
      std::fprintf(stderr, "tidewatch: %s: no pack.lua that loads\n", folder.c_str());
    }
  }
  if (arguments.json) std::printf("%s\n", all.dump(2).c_str());
  if (!arguments.json && errors + warnings > 0)
    std::fprintf(stderr, "%zu problem%s, %zu warning%s\n", errors, errors == 1 ? "" : "s", warnings,
                 warnings == 1 ? "" : "s");
  return errors ? 1 : 0;
}

}  // namespace tidewatch
