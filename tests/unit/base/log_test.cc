// The line itself, and that what reaches stderr is that line with its time.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

#include "base/log.h"

using namespace tidewatch;

namespace {

// What `work` writes to stderr (file descriptor 2), as text.
template <typename Work>
std::string stderr_of(Work work) {
  std::fflush(stderr);
  std::FILE* caught = std::tmpfile();
  const int kept = dup(2);
  dup2(fileno(caught), 2);
  work();
  std::fflush(stderr);
  dup2(kept, 2);
  close(kept);
  std::rewind(caught);
  std::string out;
  char part[4096];
  for (std::size_t n; (n = std::fread(part, 1, sizeof part, caught)) > 0;) out.append(part, n);
  std::fclose(caught);
  return out;
}

}  // namespace

TEST_CASE("logfmt quotes only what would be misread") {
  const auto line = [](std::string value) {
    return log::render(log::Format::logfmt, log::Level::info, "e", {{"k", std::move(value)}});
  };
  CHECK(line("12") == "level=info event=e k=12");
  CHECK(line("caf\xC3\xA9") == "level=info event=e k=caf\xC3\xA9");
  CHECK(line("") == "level=info event=e k=\"\"");
  CHECK(line("a b") == "level=info event=e k=\"a b\"");
  CHECK(line("a=b") == "level=info event=e k=\"a=b\"");
  CHECK(line("say \"hi\"\n") == "level=info event=e k=\"say \\\"hi\\\"\\n\"");
  CHECK(line("C:\\x") == "level=info event=e k=\"C:\\\\x\"");
  CHECK(line("\xFF") == "level=info event=e k=\"\xEF\xBF\xBD\"");
  CHECK(log::render(log::Format::logfmt, log::Level::warning, "disk full", {{"a key", "1"}}) ==
        "level=warning event=\"disk full\" a_key=1");
}

TEST_CASE("a JSON line escapes its keys and values") {
  CHECK(log::render(log::Format::json, log::Level::error, "a\"b", {{"k", "x\ny"}, {"n", "12"}}) ==
        R"({"level":"error","event":"a\"b","k":"x\ny","n":"12"})");
}

TEST_CASE("lines reach stderr with a UTC time, one line each, and quieter levels do not") {
  log::configure(log::Level::info, log::Format::logfmt);
  const std::string text = stderr_of([] {
    log::debug("hidden");
    log::info("{} shown %s", {{"n", "1"}});
  });
  INFO(text);
  CHECK(text.find("hidden") == std::string::npos);
  CHECK(text.substr(0, 3) == "ts=");
  CHECK(text.find("Z level=info event=\"{} shown %s\" n=1\n") != std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);

  log::configure(log::Level::debug, log::Format::json);
  const std::string json = stderr_of([] { log::debug("now", {{"k", "%v"}}); });
  log::configure(log::Level::info, log::Format::logfmt);
  INFO(json);
  CHECK(json.substr(0, 7) == "{\"ts\":\"");
  CHECK(json.find("Z\",\"level\":\"debug\",\"event\":\"now\",\"k\":\"%v\"}\n") != std::string::npos);
}
