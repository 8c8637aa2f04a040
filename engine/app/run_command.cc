// `tidewatch run`: packs loaded, engine started, addresses said, until a signal ends it.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "app/clock.h"
#include "app/commands.h"
#include "app/data_files.h"
#include "base/log.h"
#include "io/engine.h"

namespace tidewatch {

namespace {

Result<std::vector<EnginePack>> load_packs(const std::vector<std::string>& folders) {
  std::vector<EnginePack> out;
  std::string complaints;
  for (const auto& folder : folders) {
    std::vector<Problem> problems;
    std::shared_ptr<ScriptPack> pack = ScriptPack::load(folder, problems);
    for (const auto& p : problems)
      if (!p.is_warning) complaints += p.text() + "\n";
    if (!pack) {
      if (complaints.empty()) complaints = folder + ": no pack.lua that loads\n";
      continue;
    }
    EnginePack one;
    one.spec = pack->spec();
    one.judge = pack.get();
    one.predicates = pack.get();
    one.owner = pack;
    out.push_back(std::move(one));
  }
  if (!complaints.empty()) return invalid(complaints);
  return out;
}

// NAME_FILE names a file that holds the secret; else $CREDENTIALS_DIRECTORY/NAME; else the variable itself.
std::optional<std::string> secret(const std::string& name) {
  const auto from_file = [](const std::string& path) -> std::optional<std::string> {
    auto text = read_file(path);
    if (!text) return std::nullopt;
    while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
    return *text;
  };
  if (const char* file = std::getenv((name + "_FILE").c_str())) return from_file(file);
  if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY"))
    if (auto found = from_file(std::string(folder) + "/" + name)) return found;
  if (const char* value = std::getenv(name.c_str())) return std::string(value);
  return std::nullopt;
}

}  // namespace

int run_command(const RunArguments& a) {
  log::configure(log::Level::info, a.log_format == "json" ? log::Format::json : log::Format::logfmt);
  auto packs = load_packs(a.packs);
  if (!packs) {
    std::fputs(packs.error().text.c_str(), stderr);
    return complain("nothing was started", 1);
  }
  EngineOptions options;
  options.state_folder = a.state;
  options.version = TIDEWATCH_VERSION;
  options.seed = a.seed;
  options.secret = secret;
  const auto colon = a.listen.rfind(':');
  char* end = nullptr;
  const long port = colon == std::string::npos ? -1 : std::strtol(a.listen.c_str() + colon + 1, &end, 10);
  if (port < 0 || port > 65535 || *end != '\0')
    return complain("--listen: expected ADDRESS:PORT such as 127.0.0.1:9464, got \"" + a.listen + "\"", 2);
  options.http.address = a.listen.substr(0, colon);
  options.http.port = static_cast<int>(port);
  if (!a.token_file.empty()) {
    auto token = read_file(a.token_file);
    if (!token) return complain("--token-file: " + token.error().text, 1);
    while (!token->empty() && (token->back() == '\n' || token->back() == '\r')) token->pop_back();
    if (token->empty()) return complain("--token-file: " + a.token_file + " is empty", 1);
    options.http.token = *token;
  }
  if (!a.clock.empty()) {
    const auto clock = parse_clock(a.clock);
    if (!clock) return complain(clock.error().text, 2);
    options.clock = start_clock(*clock);
  }
  std::error_code error;
  std::filesystem::create_directories(a.state, error);
  if (error) return complain("--state " + a.state + ": " + error.message(), 1);

  Loop loop;
  auto engine = Engine::start(loop, options, std::move(*packs));
  if (!engine) return complain(engine.error().text, 1);
  (*engine)->on_reload([folders = a.packs] { return load_packs(folders); });
  const std::string base = "http://" + options.http.address + ":" + std::to_string((*engine)->port());
  std::fprintf(stderr,
               "tidewatch %s is ready\n  page     %s/\n  alerts   %s/api/v1/alerts\n  metrics  %s/metrics\n  records  "
               "POST %s/api/v1/records/STREAM\n",
               TIDEWATCH_VERSION, base.c_str(), base.c_str(), base.c_str(), base.c_str());
  (*engine)->run();
  return 0;
}

}  // namespace tidewatch
