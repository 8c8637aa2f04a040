// The thread, the signal and the mapped file: see stall_watch.h.
#include "bindings/stall_watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>

#include "base/log.h"
#include "bindings/host_state.h"

namespace tidewatch {
namespace {

constexpr char page_magic[8] = {'t', 'w', 'r', 'u', 'n', ' ', '2', '\n'};
constexpr std::size_t most_deaths = 16;
constexpr std::int64_t death_window = 600;  // seconds

constexpr std::size_t crash_stack_bytes = std::size_t{64} << 10;
constexpr int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

thread_local StallWatch* watch_of_thread = nullptr;
// What was there before the first watch of the process: a sanitizer's report, or the default.
struct sigaction before_crashes[std::size(crashes)];
int crash_watches = 0;
std::mutex crash_mutex;

// Real-time signals are nobody's; the first few belong to the C library.
int poke_signal() { return SIGRTMIN + 5; }

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void copy_text(char (&to)[128], std::string_view from) {
  const std::size_t n = std::min(from.size(), sizeof to - 1);
  std::memcpy(to, from.data(), n);
  std::memset(to + n, 0, sizeof to - n);
}

}  // namespace

struct StallWatch::Page {
  char magic[8];
  std::uint32_t is_running, was_stall;
  CallUnit now;
  std::uint32_t death_count, crash_signal;
  struct Death {
    std::int64_t at;
    std::uint32_t was_stall, signal;
    CallUnit unit;
  } deaths[most_deaths];
};

StallWatch::StallWatch(StallWatchOptions options) : options_(std::move(options)) {}

StallWatch* StallWatch::of_this_thread() { return watch_of_thread; }

Done StallWatch::map_page() {
  void* memory = MAP_FAILED;
  if (options_.state_folder.empty()) {
    memory = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  } else {
    const std::string path = options_.state_folder + "/running";
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file_ < 0) return io_error("cannot open " + path + ": " + std::strerror(errno));
    // The store says the better sentence about a folder in use; here it only must not be overwritten.
    if (flock(file_, LOCK_EX | LOCK_NB) != 0) return io_error(path + " is used by another process");
    // Blocks are reserved now: a full disk would otherwise end the process at the first store into the mapping.
    if (const int problem = posix_fallocate(file_, 0, sizeof(Page)); problem != 0)
      return io_error("cannot reserve " + path + ": " + std::strerror(problem));
    memory = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
  }
  if (memory == MAP_FAILED)
    return io_error(std::string("cannot map the file of running calls: ") + std::strerror(errno));
  page_ = static_cast<Page*>(memory);
  return done();
}

// Moves a call that never returned to the list of deaths, when it was the process's own doing.
void StallWatch::read_deaths() {
  Page& page = *page_;
  if (std::memcmp(page.magic, page_magic, sizeof page_magic) != 0 || page.death_count > most_deaths) {
    page = Page{};
    std::memcpy(page.magic, page_magic, sizeof page_magic);
  }
  const bool died_inside = page.is_running != 0;
  const bool is_own = page.was_stall != 0 || page.crash_signal != 0;
  if (died_inside) {
    page.now.pack[sizeof page.now.pack - 1] = page.now.unit[sizeof page.now.unit - 1] = 0;
    last_death_ = ScriptDeath{page.now.pack, page.now.unit, read_clock(CLOCK_REALTIME) / 1'000'000'000,
                              page.was_stall != 0, static_cast<int>(page.crash_signal)};
  }
  if (died_inside && is_own) {
    if (page.death_count == most_deaths) {
      std::memmove(&page.deaths[0], &page.deaths[1], sizeof(Page::Death) * (most_deaths - 1));
      --page.death_count;
    }
    Page::Death& death = page.deaths[page.death_count++];
    death.at = last_death_->at;
    death.was_stall = page.was_stall;
    death.signal = page.crash_signal;
    death.unit = page.now;
  }
  page.is_running = page.was_stall = page.crash_signal = 0;
  for (std::uint32_t i = 0; i < page.death_count; ++i) {
    Page::Death& death = page.deaths[i];
    death.unit.pack[sizeof death.unit.pack - 1] = death.unit.unit[sizeof death.unit.unit - 1] = 0;
    deaths_.push_back(
        {death.unit.pack, death.unit.unit, death.at, death.was_stall != 0, static_cast<int>(death.signal)});
  }
}

Result<std::unique_ptr<StallWatch>> StallWatch::start(StallWatchOptions options) {
  std::unique_ptr<StallWatch> watch(new StallWatch(std::move(options)));
  if (const Done mapped = watch->map_page(); !mapped) return mapped.error();
  watch->read_deaths();
  watch->loop_thread_ = pthread_self();
  if (pthread_getcpuclockid(watch->loop_thread_, &watch->loop_clock_) != 0)
    return Error{ErrorCode::internal, "the loop thread has no CPU clock"};
  watch_of_thread = watch.get();
  struct sigaction action {};
  action.sa_handler = on_poke;
  action.sa_flags = SA_RESTART;
  sigaction(poke_signal(), &action, nullptr);
  watch->catch_crashes();
  watch->thread_ = std::thread([w = watch.get()] { w->look(); });
  return watch;
}

StallWatch::~StallWatch() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  ending_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
    release_crashes();
  }
  if (watch_of_thread == this) watch_of_thread = nullptr;
  if (page_ != nullptr) munmap(page_, sizeof(Page));
  if (file_ >= 0) close(file_);
}

std::vector<ScriptDeath> StallWatch::dangerous() const {
  std::vector<ScriptDeath> out;
  if (!last_death_ || !last_death_->is_own()) return out;
  const ScriptDeath& newest = deaths_.back();
  const auto recent = std::count_if(deaths_.begin(), deaths_.end(), [&](const ScriptDeath& d) {
    return d.pack == newest.pack && newest.at - d.at <= death_window;
  });
  if (newest.was_stall || recent >= 2) out.push_back(newest);
  return out;
}

const CallUnit* call_unit(std::string_view pack, std::string_view unit) {
  static std::mutex mutex;
  static auto& known = *new std::map<std::pair<std::string, std::string>, CallUnit, std::less<>>();
  const std::lock_guard lock(mutex);
  const auto [it, is_new] = known.try_emplace({std::string(pack), std::string(unit)});
  if (is_new) {
    copy_text(it->second.pack, pack);
    copy_text(it->second.unit, unit);
  }
  return &it->second;
}

// The deadline goes first when a call ends and comes last when one begins, so that neither the handler nor the thread
// ever meets a deadline beside another call's state.
void StallWatch::publish(const Published& now) {
  wall_deadline_.store(0, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  now_ = now;
  unit_.store(now.unit, std::memory_order_relaxed);
  host_.store(now.host, std::memory_order_relaxed);
  context_.store(static_cast<int>(now.context), std::memory_order_relaxed);
  cpu_start_.store(now.cpu_start, std::memory_order_relaxed);
  cpu_deadline_.store(now.cpu_deadline, std::memory_order_relaxed);
  if (now.unit != nullptr) page_->now = *now.unit;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  page_->is_running = now.wall_deadline != 0;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  wall_deadline_.store(now.wall_deadline, std::memory_order_release);
}

StallWatch::Published StallWatch::enter(const Published& now) {
  const Published outer = now_;
  number_.fetch_add(1, std::memory_order_relaxed);
  publish(now);
  return outer;
}

void StallWatch::leave(const Published& outer) { publish(outer); }

// On the loop's thread, in the middle of anything. Setting a hook is what both engines allow from a signal.
void StallWatch::on_poke(int) {
  const int kept = errno;
  StallWatch* watch = watch_of_thread;
  if (watch != nullptr && watch->wall_deadline_.load(std::memory_order_relaxed) != 0 &&
      read_clock(CLOCK_THREAD_CPUTIME_ID) > watch->cpu_deadline_.load(std::memory_order_relaxed)) {
    Host::State* host = watch->host_.load(std::memory_order_relaxed);
    lua_sethook(host->running, budget_hook, LUA_MASKCOUNT, 1);
    watch->pokes_.fetch_add(1, std::memory_order_relaxed);
  }
  errno = kept;
}

void StallWatch::catch_crashes() {
  stack_t stack{};
  if (sigaltstack(nullptr, &stack) == 0 && (stack.ss_flags & SS_DISABLE) != 0) {
    crash_stack_ = std::make_unique<char[]>(crash_stack_bytes);
    stack = {};
    stack.ss_sp = crash_stack_.get();
    stack.ss_size = crash_stack_bytes;
    sigaltstack(&stack, nullptr);
  }
  const std::lock_guard lock(crash_mutex);
  if (crash_watches++ > 0) return;
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (std::size_t i = 0; i < std::size(crashes); ++i) sigaction(crashes[i], &action, &before_crashes[i]);
}

void StallWatch::release_crashes() {
  if (crash_stack_) {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
  }
  const std::lock_guard lock(crash_mutex);
  if (--crash_watches > 0) return;
  for (std::size_t i = 0; i < std::size(crashes); ++i) sigaction(crashes[i], &before_crashes[i], nullptr);
}

// Of this process's own making are the processor's faults and what it raised itself; `kill -SEGV` of somebody else is
// not. Then the signal does what it would have done: a fault comes again when its instruction is run again, a raised
// one is raised again.
void StallWatch::on_crash(int signal, siginfo_t* facts, void*) {
  const int kept = errno;
  StallWatch* watch = watch_of_thread;
  const bool is_fault = facts->si_code > 0;
  if (watch != nullptr && watch->page_->is_running != 0 && (is_fault || facts->si_pid == getpid()))
    watch->page_->crash_signal = static_cast<std::uint32_t>(signal);
  for (std::size_t i = 0; i < std::size(crashes); ++i)
    if (crashes[i] == signal) sigaction(signal, &before_crashes[i], nullptr);
  if (!is_fault) raise(signal);
  errno = kept;
}

void StallWatch::look() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::uint64_t warned = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    const bool is_running = wall_deadline_.load(std::memory_order_acquire) != 0;
    const Duration pause = is_running ? options_.look : options_.idle_look;
    if (ending_.wait_for(lock, std::chrono::nanoseconds(pause.ns), [this] { return is_ending_; })) return;
    const std::uint64_t number = number_.load(std::memory_order_relaxed);
    const std::int64_t deadline = wall_deadline_.load(std::memory_order_acquire);
    const std::int64_t now = read_clock(CLOCK_MONOTONIC);
    if (deadline == 0 || now <= deadline) continue;
    pthread_kill(loop_thread_, poke_signal());
    const CallUnit* unit = unit_.load(std::memory_order_relaxed);
    const std::int64_t cpu = read_clock(loop_clock_);
    const std::int64_t used = cpu - cpu_start_.load(std::memory_order_relaxed);
    const std::int64_t over = cpu - cpu_deadline_.load(std::memory_order_relaxed);
    const auto context = static_cast<Context>(context_.load(std::memory_order_relaxed));
    if (unit == nullptr || number_.load(std::memory_order_acquire) != number) continue;
    const auto say = [&](const char* event) {
      log::error(event, {{"pack", unit->pack},
                         {"unit", unit->unit},
                         {"context", std::string(name_of(context))},
                         {"cpu_ms", std::to_string(used / 1'000'000)},
                         {"over_ms", std::to_string(over / 1'000'000)}});
    };
    if (used > options_.abort_after.ns && wall_deadline_.load(std::memory_order_acquire) == deadline) {
      page_->was_stall = 1;
      say("script_stalled_aborting");
      std::abort();
    }
    if (over > options_.warn_after.ns && warned != number) {
      warned = number;
      stalls_.fetch_add(1, std::memory_order_relaxed);
      say("script_over_budget");
    }
  }
}

}  // namespace tidewatch
