// The poke, the abort and what a death leaves behind. Each death is a child's; what it left is read by this process,
// as the next start would.
#include "bindings/stall_watch.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include "bindings/host.h"
#include "bindings/lua_compat.h"

#include "../unit/temporary_folder.h"

using namespace tidewatch;

namespace {

StallWatchOptions in(const TemporaryFolder& folder) {
  StallWatchOptions options;
  options.state_folder = folder.path();
  return options;
}

std::int64_t cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

int spin_ms = 0;
// One C call that nothing ends.
int spin(lua_State*) {
  const std::int64_t end = cpu_ms() + spin_ms;
  while (cpu_ms() < end) {
  }
  return 0;
}
int die(lua_State*) {
  kill(getpid(), SIGKILL);
  return 0;
}

// Calls `function` in a pack "demo" for the unit "drift"; the status of the child.
int die_in_child(const std::function<void()>& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGTERM}) std::signal(signal, SIG_DFL);
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

void call(lua_CFunction function) {
  HostOptions options;
  options.chunk_prefix = "demo";
  auto host = Host::create(options);
  if (!host) _exit(3);
  lua_pushcfunction((*host)->state(), function);
  (*host)->call(Context::monitor, 0, 0, Duration{0}, call_unit("demo", "drift"));
}

void die_inside(const StallWatchOptions& options, lua_CFunction function) {
  const auto watch = StallWatch::start(options);
  if (!watch) _exit(4);
  call(function);
}

}  // namespace

TEST_CASE("a call that returned leaves nothing behind, whatever ends the process later") {
  const TemporaryFolder folder;
  const int status = die_in_child([&] {
    const auto watch = StallWatch::start(in(folder));
    if (!watch) _exit(4);
    spin_ms = 1;
    call(spin);
    kill(getpid(), SIGKILL);
  });
  REQUIRE(WIFSIGNALED(status));
  const auto watch = StallWatch::start(in(folder));
  REQUIRE(watch);
  CHECK((*watch)->deaths().empty());
  CHECK((*watch)->dangerous().empty());
}

TEST_CASE("a pack in which the process died twice within ten minutes is dangerous, once is chance") {
  const TemporaryFolder folder;
  for (int death = 1; death <= 2; ++death) {
    const int status = die_in_child([&] { die_inside(in(folder), die); });
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGKILL);
    if (death == 2) break;
    const int calm = die_in_child([&] {
      const auto watch = StallWatch::start(in(folder));
      _exit(!watch || (*watch)->deaths().size() != 1 ? 4 : (*watch)->dangerous().empty() ? 0 : 5);
    });
    CHECK(WEXITSTATUS(calm) == 0);
  }
  {
    const auto watch = StallWatch::start(in(folder));
    REQUIRE(watch);
    const auto dangerous = (*watch)->dangerous();
    REQUIRE(dangerous.size() == 1);
    CHECK(dangerous[0].pack == "demo");
    CHECK(dangerous[0].unit == "drift");
    CHECK_FALSE(dangerous[0].was_stall);
  }
  // The start after a calm end knows of them, and acts on them no more: the core keeps what is quarantined.
  const auto later = StallWatch::start(in(folder));
  REQUIRE(later);
  CHECK((*later)->deaths().size() == 2);
  CHECK((*later)->dangerous().empty());
}

TEST_CASE("one C call that never ends aborts the process, and its pack is dangerous at once") {
  const TemporaryFolder folder;
  StallWatchOptions options = in(folder);
  options.abort_after = milliseconds(400);  // ten seconds in earnest
  spin_ms = 60'000;
  const int status = die_in_child([&] {
    fclose(stderr);
    die_inside(options, spin);
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  const auto watch = StallWatch::start(in(folder));
  REQUIRE(watch);
  const auto dangerous = (*watch)->dangerous();
  REQUIRE(dangerous.size() == 1);
  CHECK(dangerous[0].was_stall);
  CHECK(dangerous[0].unit == "drift");
}

TEST_CASE("waiting is not stalling: only CPU time of the loop's thread aborts") {
  const TemporaryFolder folder;
  StallWatchOptions options = in(folder);
  options.abort_after = milliseconds(50);
  const int status = die_in_child([&] {
    die_inside(options, [](lua_State*) {
      const timespec pause{0, 300'000'000};  // over its budget in wall time only
      nanosleep(&pause, nullptr);
      return 0;
    });
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a file of another version, or a damaged one, is begun anew") {
  const TemporaryFolder folder;
  { std::ofstream(folder / "running") << std::string(1000, 'x'); }
  const auto watch = StallWatch::start(in(folder));
  REQUIRE(watch);
  CHECK((*watch)->deaths().empty());
}

TEST_CASE("two processes never share a file of running calls") {
  const TemporaryFolder folder;
  const auto watch = StallWatch::start(in(folder));
  REQUIRE(watch);
  const auto second = StallWatch::start(in(folder));
  REQUIRE_FALSE(second);
  CHECK(second.error().text.find("used by another process") != std::string::npos);
}
