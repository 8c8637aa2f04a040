#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>

#include "app/backtest.h"
#include "app/commands.h"
#include "base/text.h"

namespace tidewatch {

namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Result<std::map<std::string, History>> read_all(const PackSpec& pack, const BacktestOptions& options) {
  std::map<std::string, History> histories;
  for (const auto& [stream, files] : options.data) {
    const StreamSpec* spec = nullptr;
    std::vector<std::string> names;
    for (const auto& s : pack.streams) {
      if (s.join) continue;
      names.push_back(s.name);
      if (s.name == stream) spec = &s;
    }
    if (!spec) return not_found("--data: unknown stream \"" + stream + "\"" + did_you_mean(stream, names));
    auto history = read_history(*spec, files, [&name = stream](std::uint64_t done, std::uint64_t all) {
      show_progress("reading " + name, done, all);
    });
    if (!history) return history.error();
    histories.emplace(stream, std::move(*history));
  }
  return histories;
}

using Histories = std::map<std::string, History>;

// `histories` are the caller's to keep: they outlive the result of a process that is about to end.
Result<BacktestResult> run_one(ScriptPack& pack, const BacktestOptions& options, Histories& histories) {
  const double start = now_seconds();
  auto decoded = read_all(pack.spec(), options);
  if (!decoded) return decoded.error();
  histories = std::move(*decoded);
  const double read = now_seconds();
  auto result = backtest(pack, options, histories, [&](std::uint64_t done, std::uint64_t all) {
    show_progress("backtesting " + pack.spec().name, done, all);
  });
  end_progress();
  if (!result) return result;
  result->read_seconds = read - start;
  result->run_seconds = now_seconds() - read;
  return result;
}

}  // namespace

int backtest_command(const BacktestArguments& arguments) {
  auto pack = load_or_explain(arguments.pack);
  if (!pack) return 1;
  BacktestOptions options;
  for (const auto& d : arguments.data) {
    const auto equals = d.find('=');
    if (equals == std::string::npos) return complain("--data: expected STREAM=FILE, got \"" + d + "\"", 2);
    options.data[d.substr(0, equals)].push_back(d.substr(equals + 1));
  }
  for (const auto& [text, into] : {std::pair{&arguments.from, &options.from}, std::pair{&arguments.to, &options.to}}) {
    if (text->empty()) continue;
    const auto at = parse_instant(*text);
    if (!at) return complain((into == &options.from ? "--from: " : "--to: ") + at.error().text, 2);
    *into = *at;
  }
  if (options.to <= options.from)
    return complain("--to: expected an instant after --from, got " + format_instant(options.to) + " for --from " +
                        format_instant(options.from),
                    2);
  options.values = arguments.values;
  options.keep_values = !arguments.html.empty();
  std::vector<std::string> names;
  for (const auto& m : pack->spec().monitors) names.push_back(m.name);
  for (const auto& v : arguments.values)
    if (std::find(names.begin(), names.end(), v) == names.end())
      return complain("--values: unknown monitor \"" + v + "\"" + did_you_mean(v, names), 2);

  Histories histories, other_histories;
  auto result = run_one(*pack, options, histories);
  if (!result) return complain(result.error().text, 1);
  for (const auto& note : result->notes) std::fprintf(stderr, "tidewatch: warning: %s\n", note.c_str());
  for (const auto& line : result->script_output) std::fprintf(stderr, "%s\n", line.c_str());
  if (!arguments.html.empty()) {
    std::ofstream file(arguments.html);
    file << backtest_html(*result);
    if (!file.flush()) return complain("cannot write " + arguments.html, 1);
    std::fprintf(stderr, "wrote %s\n", arguments.html.c_str());
  }
  if (arguments.compare.empty()) {
    std::fputs(arguments.json ? backtest_json(*result, options).c_str()
                              : backtest_text(*result, may_color(STDOUT_FILENO)).c_str(),
               stdout);
    return leave(0);
  }
  auto other_pack = load_or_explain(arguments.compare);
  if (!other_pack) return 1;
  auto other = run_one(*other_pack, options, other_histories);
  if (!other) return complain(other.error().text, 1);
  if (arguments.json) {
    std::fputs(compare_json(*result, *other).c_str(), stdout);
  } else {
    std::fputs(backtest_text(*result, may_color(STDOUT_FILENO)).c_str(), stdout);
    std::fputs(compare_text(*result, *other).c_str(), stdout);
  }
  return leave(0);
}

}  // namespace tidewatch
