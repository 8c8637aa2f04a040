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
#include <thread>
#include <tuple>

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
// The ways in which a process ends by its own doing. Volatile: none of it may be known when it is compiled.
[[gnu::noinline]] int overflow(int depth) {
  volatile char page[4096];
  page[depth % 4096] = 1;
  return depth < 0 ? 0 : overflow(depth + 1) + page[0];
}
// Real faults, also where a sanitizer would report them first.
[[gnu::no_sanitize("undefined")]] int die(lua_State*) {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
  return 0;
}
int die_of_depth(lua_State*) { return overflow(1) & 1; }
[[gnu::no_sanitize("undefined")]] int die_of_division(lua_State*) {
  volatile int zero = 0;
  return 7 / zero;  // 1 / x needs no division
}
int die_of_abort(lua_State*) { std::abort(); }
int die_of_raise(lua_State*) {
  raise(SIGBUS);
  return 0;
}
// Killed by another process in the middle of a call; `ready` is written to once it runs.
int ready = -1;
int wait_for_a_killer(lua_State*) {
  if (write(ready, "x", 1) != 1) _exit(6);
  while (true) pause();
}

// Calls `function` in a pack "demo" for the unit "drift"; the status of the child.
int die_in_child(const std::function<void()>& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGTERM}) std::signal(signal, SIG_DFL);
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
    REQUIRE(WTERMSIG(status) == SIGSEGV);
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
    CHECK(dangerous[0].signal == SIGSEGV);
  }
  // The start after a calm end knows of them, and acts on them no more: the core keeps what is quarantined.
  const auto later = StallWatch::start(in(folder));
  REQUIRE(later);
  CHECK((*later)->deaths().size() == 2);
  CHECK((*later)->dangerous().empty());
  CHECK_FALSE((*later)->last_death());  // said once, at the start that found it
}

TEST_CASE("every crash inside a call is known by its signal, and ends the process as it would have") {
  const std::tuple<lua_CFunction, int> ways[] = {{die, SIGSEGV},
                                                 {die_of_depth, SIGSEGV},
                                                 {die_of_division, SIGFPE},
                                                 {die_of_abort, SIGABRT},
                                                 {die_of_raise, SIGBUS}};
  for (const auto& [way, signal] : ways) {
    CAPTURE(signal);
    const TemporaryFolder folder;
    const int status = die_in_child([&, f = way] { die_inside(in(folder), f); });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == signal);
    const auto watch = StallWatch::start(in(folder));
    REQUIRE(watch);
    REQUIRE((*watch)->last_death());
    CHECK((*watch)->last_death()->is_own());
    CHECK((*watch)->last_death()->signal == signal);
    CHECK((*watch)->last_death()->unit == "drift");
    CHECK((*watch)->deaths().size() == 1);
  }
}

TEST_CASE("a process that another one killed inside a call holds nothing against the pack, however often") {
  const TemporaryFolder folder;
  for (const int signal : {SIGKILL, SIGKILL, SIGSEGV, SIGABRT, SIGKILL}) {
    CAPTURE(signal);
    int ends[2] = {-1, -1};
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      for (const int one : {SIGSEGV, SIGABRT}) std::signal(one, SIG_DFL);
      const rlimit none{0, 0};
      setrlimit(RLIMIT_CORE, &none);
      ready = ends[1];
      die_inside(in(folder), wait_for_a_killer);
      _exit(0);
    }
    close(ends[1]);
    char byte = 0;
    REQUIRE(read(ends[0], &byte, 1) == 1);
    close(ends[0]);
    REQUIRE(kill(child, signal) == 0);
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == signal);
    const int calm = die_in_child([&] {
      const auto watch = StallWatch::start(in(folder));
      if (!watch || !(*watch)->last_death()) _exit(4);
      _exit((*watch)->last_death()->is_own() || !(*watch)->deaths().empty() || !(*watch)->dangerous().empty() ? 5 : 0);
    });
    CHECK(WEXITSTATUS(calm) == 0);
  }
}

TEST_CASE("a crash outside of any call, or of another thread, is not a script's") {
  const TemporaryFolder folder;
  const int outside = die_in_child([&] {
    const auto watch = StallWatch::start(in(folder));
    if (!watch) _exit(4);
    spin_ms = 1;
    call(spin);
    die(nullptr);
  });
  REQUIRE(WIFSIGNALED(outside));
  CHECK(WTERMSIG(outside) == SIGSEGV);
  const int other = die_in_child([&] {
    die_inside(in(folder), [](lua_State*) {
      std::thread([] { die(nullptr); }).join();
      return 0;
    });
  });
  REQUIRE(WIFSIGNALED(other));
  const auto watch = StallWatch::start(in(folder));
  REQUIRE(watch);
  REQUIRE((*watch)->last_death());
  CHECK_FALSE((*watch)->last_death()->is_own());
  CHECK((*watch)->deaths().empty());
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
