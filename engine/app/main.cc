// The program: arguments to commands, nothing else. CLI11's own exit codes are mapped to 2 (usage).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>

#include "app/commands.h"
#include "base/text.h"

int main(int argc, char** argv) {
  using namespace tidewatch;
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Tidewatch watches machine-learning models in production."};
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help of every command");

  CheckArguments check;
  auto* check_app = app.add_subcommand("check", "Load packs and report every problem with file:line");
  check_app->add_option("PACK", check.packs, "Folder with pack.lua")->required();
  check_app->add_flag("--json", check.json, "Problems as JSON on stdout");

  TestArguments test;
  auto* test_app = app.add_subcommand("test", "Run a pack's *_test.lua on a virtual clock");
  test_app->add_option("PACK", test.packs, "Folder with pack.lua")->required();
  test_app->add_option("--filter", test.filter, "Only tests whose name contains this text");
  test_app->add_option("--junit", test.junit, "Also write JUnit XML to this file");
  test_app->add_flag("--json", test.json, "Results as JSON on stdout");

  BacktestArguments backtest;
  auto* backtest_app =
      app.add_subcommand("backtest", "What would have fired over history, and how noisy each monitor is");
  backtest_app->add_option("PACK", backtest.pack, "Folder with pack.lua")->required();
  backtest_app->add_option("--data", backtest.data, "STREAM=FILE, NDJSON or CSV, plain or gzip; repeatable")
      ->required();
  backtest_app->add_option("--from", backtest.from, "First event time, for example 2008-01-01");
  backtest_app->add_option("--to", backtest.to, "End of event time, exclusive");
  backtest_app->add_option("--values", backtest.values, "Keep every evaluated value of this monitor; repeatable");
  backtest_app->add_option("--compare", backtest.compare, "Run another version of the pack and compare what fires");
  backtest_app->add_option("--html", backtest.html, "Write a self-contained page to this file");
  backtest_app->add_flag("--json", backtest.json, "The result as JSON on stdout");

  RunArguments run;
  auto* run_app = app.add_subcommand("run", "The engine");
  run_app->add_option("PACK", run.packs, "Folders with pack.lua")->required();
  run_app->add_option("--state", run.state, "Folder that keeps what must survive")->capture_default_str();
  run_app->add_option("--listen", run.listen, "Address and port; port 0 takes any")->capture_default_str();
  run_app->add_option("--token-file", run.token_file,
                      "Bearer tokens, one a line: [SCOPE[,SCOPE]] TOKEN [NAME]; scopes ingest, read, admin");
  auto* certificate =
      run_app->add_option("--tls-cert", run.tls_certificate, "Certificate chain, PEM: the listener speaks TLS");
  auto* key = run_app->add_option("--tls-key", run.tls_key, "The certificate's key, PEM");
  certificate->needs(key);
  key->needs(certificate);
  run_app->add_flag("--insecure", run.is_insecure, "Listen off loopback without tokens or TLS");
  run_app->add_option("--most-connections", run.most_connections, "Connections at once; the next gets 503")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  run_app->add_option("--log-format", run.log_format, "logfmt or json")
      ->check(CLI::IsMember({"logfmt", "json"}))
      ->capture_default_str();
  run_app->add_option("--clock", run.clock,
                      "START@SPEED: a clock for demonstrations, for example 2026-01-05@86400 (a day a second)");
  run_app->add_option("--seed", run.seed, "Seed of retry jitter")->capture_default_str();

  BaselineArguments baseline;
  auto* baseline_app =
      app.add_subcommand("baseline", "Which rows baselines stand for, and new ones for a changed file");
  baseline_app->require_subcommand(1);
  auto* baseline_list = baseline_app->add_subcommand("list", "Every version of every baseline");
  baseline_list->add_option("PACK", baseline.pack, "Only this pack's");
  auto* baseline_pin = baseline_app->add_subcommand("pin", "The file's rows of today are meant");
  baseline_pin->add_option("PACK", baseline.pack, "Folder with pack.lua")->required();
  baseline_pin->add_option("NAME", baseline.name, "The baseline")->required();
  for (auto* one : {baseline_list, baseline_pin})
    one->add_option("--state", baseline.state, "The engine's state folder")->capture_default_str();

  SimulateArguments simulate;
  auto* simulate_app = app.add_subcommand("simulate", "Records from a pack's simulator, with faults injected");
  simulate_app->add_option("PACK", simulate.pack, "Folder with simulator.lua")->required();
  simulate_app->add_option("--from", simulate.from, "First instant")->required();
  simulate_app->add_option("--to", simulate.to, "End, exclusive")->required();
  simulate_app->add_option("--fault", simulate.faults, "NAME@FROM..TO; repeatable");
  simulate_app->add_option("--stream", simulate.streams, "Only this stream; repeatable");
  simulate_app->add_option("--out", simulate.out, "Folder for one STREAM.ndjson a stream");
  simulate_app->add_option("--post", simulate.post, "Base URL of a running engine, for example http://127.0.0.1:9464");
  simulate_app->add_option("--clock", simulate.clock, "START@SPEED: pace of --post");
  simulate_app->add_option("--seed", simulate.seed, "Seed")->capture_default_str();

  bool version_json = false;
  auto* version_app = app.add_subcommand("version", "Version and what it was built with");
  version_app->add_flag("--json", version_json, "As JSON");

  std::string reference_folder = "docs/reference";
  auto* reference_app = app.add_subcommand("reference", "Write the API reference and the editor types");
  reference_app->add_option("FOLDER", reference_folder, "Where to")->capture_default_str();

  try {
    // CLI11 would say that a command is missing.
    if (argc > 1 && argv[1][0] != '-') {
      std::vector<std::string> names;
      for (const auto* each : app.get_subcommands({})) names.push_back(each->get_name());
      if (std::find(names.begin(), names.end(), argv[1]) == names.end())
        return complain("no command \"" + std::string(argv[1]) + "\"" + did_you_mean(argv[1], names) +
                            "; tidewatch --help lists them",
                        2);
    }
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  if (check_app->parsed()) return check_command(check);
  if (test_app->parsed()) return test_command(test);
  if (backtest_app->parsed()) return backtest_command(backtest);
  if (run_app->parsed()) return run_command(run);
  if (baseline_list->parsed()) return baseline_list_command(baseline);
  if (baseline_pin->parsed()) return baseline_pin_command(baseline);
  if (simulate_app->parsed()) return simulate_command(simulate);
  if (version_app->parsed()) return version_command(version_json);
  if (reference_app->parsed()) return reference_command(reference_folder);
  return 2;
}
