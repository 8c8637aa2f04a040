// `tidewatch run`: packs loaded, engine started, addresses said, until a signal ends it.
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "app/clock.h"
#include "app/code_pages.h"
#include "app/commands.h"
#include "app/data_files.h"
#include "base/log.h"
#include "bindings/stall_watch.h"
#include "io/engine.h"
#include "io/tls.h"
#include "io/tokens.h"

namespace tidewatch {

namespace {

Result<std::vector<EnginePack>> load_packs(const std::vector<std::string>& folders,
                                           const std::vector<ScriptDeath>& dangerous = {},
                                           std::vector<std::string>* absent = nullptr) {
  std::vector<EnginePack> out;
  std::string complaints;
  for (const auto& folder : folders) {
    const auto died_loading = std::find_if(dangerous.begin(), dangerous.end(), [&](const ScriptDeath& death) {
      return death.pack == pack_name(folder) && death.unit == name_of(Context::load);
    });
    if (died_loading != dangerous.end() && absent != nullptr) {
      log::error("pack_not_loaded", {{"pack", died_loading->pack}, {"why", "the engine died while loading it"}});
      absent->push_back(died_loading->pack);
      continue;
    }
    std::vector<Problem> problems;
    std::shared_ptr<ScriptPack> pack = ScriptPack::load(folder, problems, true);
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
    for (const auto& death : dangerous) {
      if (death.pack != one.spec.name) continue;
      one.suspicion = std::string("the engine ") + (death.was_stall ? "was held up by " : "died in ") + death.unit +
                      (death.was_stall ? "" : ", twice within ten minutes");
      log::error("pack_quarantined", {{"pack", death.pack}, {"unit", death.unit}, {"why", one.suspicion}});
    }
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

struct Keys {
  Tokens tokens;
  std::shared_ptr<const TlsContext> tls;
};

// What guards the listener: --token-file, else the secret TIDEWATCH_TOKENS; --tls-cert and --tls-key.
Result<Keys> load_keys(const RunArguments& a) {
  Keys out;
  std::string where = "the secret TIDEWATCH_TOKENS";
  std::optional<std::string> text;
  if (!a.token_file.empty()) {
    where = "--token-file " + a.token_file;
    auto body = read_file(a.token_file);
    if (!body) return body.error().within("--token-file");
    text = std::move(*body);
  } else {
    text = secret("TIDEWATCH_TOKENS");
  }
  if (text) {
    auto tokens = Tokens::parse(*text);
    if (!tokens) return tokens.error().within(where);
    out.tokens = std::move(*tokens);
    struct stat facts {};
    if (out.tokens.has_plain() && stat(a.token_file.c_str(), &facts) == 0 && (facts.st_mode & 077) != 0)
      log::warning("token_file_open_to_others",
                   {{"file", a.token_file}, {"cure", "chmod 600, or keep sha256:HEX instead of tokens"}});
  }
  if (!a.tls_certificate.empty()) {
    auto context = TlsContext::load(a.tls_certificate, a.tls_key);
    if (!context) return context.error().within("--tls-cert");
    out.tls = std::move(*context);
    const std::int64_t left = out.tls->not_after() - wall_clock().ns / 1'000'000'000;
    const std::string end = format_instant({out.tls->not_after() * 1'000'000'000});
    if (left < 14 * 86'400) {
      log::warning(left < 0 ? "certificate_has_ended" : "certificate_ends_soon", {{"end", end}});
    } else {
      log::info("certificate_loaded", {{"end", end}});
    }
  }
  return out;
}

// Ten thousand connections need as many open files; the soft limit is often 1,024.
void raise_open_files() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int run_command(const RunArguments& a) {
  log::configure(log::Level::info, a.log_format == "json" ? log::Format::json : log::Format::logfmt);
  std::error_code error;
  std::filesystem::create_directories(a.state, error);
  if (error) return complain("--state " + a.state + ": " + error.message(), 1);
  // Before any pack runs: what ends in one of them must be told to the next start.
  auto watch = StallWatch::start({a.state});
  if (!watch) {  // the store says why, when it is another process; a full disk is no reason not to watch
    log::warning("deaths_not_remembered", {{"problem", watch.error().text}});
    watch = StallWatch::start({});
  }
  if (!watch) return complain(watch.error().text, 1);
  if (const auto& death = (*watch)->last_death(); death && death->is_own()) {
    const char* signal = sigabbrev_np(death->signal);
    log::warning("died_in_script",
                 {{"pack", death->pack},
                  {"unit", death->unit},
                  {"by", death->was_stall ? "a stall" : "SIG" + std::string(signal == nullptr ? "?" : signal)}});
  } else if (death) {
    log::info("killed_in_script", {{"pack", death->pack},
                                   {"unit", death->unit},
                                   {"why", "the process was ended from outside; nothing is held against the pack"}});
  }
  std::vector<std::string> absent;
  auto packs = load_packs(a.packs, (*watch)->dangerous(), &absent);
  if (!packs) {
    std::fputs(packs.error().text.c_str(), stderr);
    return complain("nothing was started", 1);
  }
  EngineOptions options;
  options.has_died_in_script = (*watch)->last_death() && (*watch)->last_death()->is_own();
  options.state_folder = a.state;
  options.absent_packs = absent;
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
  if (options.http.address.size() > 2 && options.http.address.front() == '[' && options.http.address.back() == ']')
    options.http.address = options.http.address.substr(1, options.http.address.size() - 2);
  raise_open_files();
  auto keys = load_keys(a);
  if (!keys) return complain(keys.error().text, 1);
  options.http.tokens = std::move(keys->tokens);
  options.http.tls = std::move(keys->tls);
  options.http.is_insecure = a.is_insecure;
  options.http.most_connections = a.most_connections;
  if (!a.clock.empty()) {
    const auto clock = parse_clock(a.clock);
    if (!clock) return complain(clock.error().text, 2);
    options.clock = start_clock(*clock);
    options.sleep_after = Duration{0};  // hours between two looks are its way of passing
  }

  Loop loop;
  auto engine = Engine::start(loop, options, std::move(*packs));
  if (!engine) return complain(engine.error().text, 1);
  // Tokens and certificate come first and by themselves: a pack with a mistake must not keep an old certificate alive.
  (*engine)->on_reload([a, &server = (*engine)->server()]() -> Result<std::vector<EnginePack>> {
    auto renewed = load_keys(a);
    if (!renewed) return renewed.error();
    if (const Done ok = server.renew(std::move(renewed->tokens), std::move(renewed->tls)); !ok) return ok.error();
    return load_packs(a.packs);
  });
  const bool is_six = options.http.address.find(':') != std::string::npos;
  const std::string base = (options.http.tls ? "https://" : "http://") +
                           (is_six ? "[" + options.http.address + "]" : options.http.address) + ":" +
                           std::to_string((*engine)->port());
  std::fprintf(stderr,
               "tidewatch %s is ready\n  page     %s/\n  alerts   %s/api/v1/alerts\n  metrics  %s/metrics\n  records  "
               "POST %s/api/v1/records/STREAM\n",
               TIDEWATCH_VERSION, base.c_str(), base.c_str(), base.c_str(), base.c_str());
  give_back_code_pages();
  (*engine)->run();
  return 0;
}

}  // namespace tidewatch
