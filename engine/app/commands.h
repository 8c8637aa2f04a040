// One function a subcommand. Each returns the process's exit code: 0 done, 1 problems found, 2 wrong usage.
// Data goes to stdout, everything else to stderr.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bindings/script_pack.h"

namespace tidewatch {

struct CheckArguments {
  std::vector<std::string> packs;
  bool json = false;
};
int check_command(const CheckArguments& arguments);

struct TestArguments {
  std::vector<std::string> packs;
  std::string filter, junit;
  bool json = false;
};
int test_command(const TestArguments& arguments);

struct BacktestArguments {
  std::string pack, compare, html, from, to;
  std::vector<std::string> data, values;  // data: STREAM=FILE
  bool json = false;
};
int backtest_command(const BacktestArguments& arguments);

struct RunArguments {
  std::vector<std::string> packs;
  std::string state = "tidewatch-state", listen = "127.0.0.1:9464", log_format = "logfmt", clock, token_file;
  std::string tls_certificate, tls_key;
  std::size_t most_connections = 10'000;
  bool is_insecure = false;
  std::uint64_t seed = 1;
};
int run_command(const RunArguments& arguments);

struct BaselineArguments {
  std::string pack, name, state = "tidewatch-state";  // list: pack "" = all
};
int baseline_list_command(const BaselineArguments& arguments);
int baseline_pin_command(const BaselineArguments& arguments);

struct SimulateArguments {
  std::string pack, from, to, out, post, clock;
  std::vector<std::string> streams;  // empty = all
  std::vector<std::string> faults;   // NAME@FROM..TO or NAME@FROM
  std::uint64_t seed = 1;
};
int simulate_command(const SimulateArguments& arguments);

int version_command(bool json);
int reference_command(const std::string& folder);

// --- shared by the commands ---

// Loads a pack and prints every problem on stderr; null when any is an error.
std::unique_ptr<ScriptPack> load_or_explain(const std::string& folder);
// Whether escape codes may go to this file descriptor: a terminal, and NO_COLOR not set.
bool may_color(int descriptor);
// "\r[#####.....] 52 %  text" on stderr when that is a terminal; nothing otherwise.
void show_progress(const std::string& text, std::uint64_t done, std::uint64_t all);
void end_progress();
int complain(const std::string& text, int code);
// Ends the process at once, output flushed: taking millions of objects apart one by one takes as long as a tenth of a
// backtest, and the kernel takes their memory as a whole. Returns `code` where a sanitizer looks for leaks at the end.
int leave(int code);

}  // namespace tidewatch
