#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "app/commands.h"

namespace tidewatch {

std::unique_ptr<ScriptPack> load_or_explain(const std::string& folder) {
  std::vector<Problem> problems;
  auto pack = ScriptPack::load(folder, problems);
  for (const auto& p : problems) std::fprintf(stderr, "%s\n", p.text().c_str());
  if (!pack) std::fprintf(stderr, "tidewatch: %s was not loaded\n", folder.c_str());
  return pack;
}

bool may_color(int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  return isatty(descriptor) && !(no_color && *no_color);
}

namespace {
bool progress_is_shown = false;
}

void show_progress(const std::string& text, std::uint64_t done, std::uint64_t all) {
  if (!isatty(STDERR_FILENO) || all == 0) return;
  const std::uint64_t filled = done * 30 / all;
  std::string bar;
  for (std::uint64_t i = 0; i < 30; ++i) bar += i < filled ? "█" : "░";
  std::fprintf(stderr, "\r%s %3d %%  %s\033[K", bar.c_str(), static_cast<int>(done * 100 / all), text.c_str());
  std::fflush(stderr);
  progress_is_shown = true;
}

void end_progress() {
  if (!progress_is_shown) return;
  std::fprintf(stderr, "\r\033[K");
  progress_is_shown = false;
}

int leave(int code) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  std::fflush(nullptr);
  std::_Exit(code);
#endif
  return code;
}

int complain(const std::string& text, int code) {
  std::fprintf(stderr, "tidewatch: %s\n", text.c_str());
  return code;
}

}  // namespace tidewatch
