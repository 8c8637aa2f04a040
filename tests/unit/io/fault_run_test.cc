// The promise of the engine as a whole, kept at every operation of the disk: see faulted_run.h. By default some
// operations of each kind of fault are drawn (the seed is printed); TIDEWATCH_FAULTS=all takes every one.
#include <cstdio>
#include <random>

#include "base/log.h"
#include "faulted_run.h"

using namespace faulted;

namespace {

const Outcome& unbroken() {
  static const Outcome outcome = [] {
    log::configure(log::Level::error, log::Format::logfmt);  // what was meant to break is told thousands of times
    Run run({});
    return run.play();
  }();
  return outcome;
}

// Drawn anew each time; TIDEWATCH_SEED repeats one.
unsigned seed_of_run() {
  const char* given = std::getenv("TIDEWATCH_SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
}

// Which operations to break: all of them, or as many as asked for, drawn.
std::vector<std::int64_t> points(std::int64_t operations, std::size_t wanted, unsigned seed) {
  std::vector<std::int64_t> out;
  const char* all = std::getenv("TIDEWATCH_FAULTS");
  if (all != nullptr && std::string(all) == "all") {
    for (std::int64_t at = 1; at <= operations; ++at) out.push_back(at);
    return out;
  }
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < wanted; ++i)
    out.push_back(1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(operations)));
  return out;
}

std::string described(const std::set<std::string>& keys) {
  std::string out;
  for (const auto& key : keys) out += key + "\n";
  return out;
}

void check_equal(const Outcome& got) {
  const Outcome& wanted = unbroken();
  CHECK(got.rows == wanted.rows);
  CHECK((got.readings == wanted.readings));
  CHECK(got.alerts == wanted.alerts);
  CHECK(described(got.keys) == described(wanted.keys));
}

}  // namespace

TEST_CASE("the scripted run fires, raises and resolves: there is something to lose") {
  const Outcome& run = unbroken();
  std::map<std::string, int> events;
  for (const Message& m : run.accepted) ++events[m.monitor + " " + m.event];
  for (const auto& [what, n] : events) UNSCOPED_INFO(what << " " << n);
  CHECK(events["shop/slow firing"] == 2);
  CHECK(events["shop/slow resolved"] == 2);
  CHECK(events["shop/lasting firing"] == 2);
  CHECK(events["shop/by-shop firing"] == 10);
  CHECK(events["shop/many firing"] == 2);
  CHECK(run.operations > 300);
  check_equal(Run({}).play());  // and it is the same every time
}

TEST_CASE("whatever write or sync the process or the power ends at, the run goes on as if it had not") {
  const unsigned seed = seed_of_run();
  INFO("TIDEWATCH_SEED=" << seed);
  const auto kind = GENERATE(0, 1, 2);
  std::size_t broken = 0;
  for (const std::int64_t at : points(unbroken().operations, 40, seed)) {
    Script script;
    script.fault.kind = kind == 0 ? Fault::Kind::cut : Fault::Kind::power_loss;
    script.fault.at = at;
    script.fault.survivors = kind == 2 ? seed + static_cast<std::uint64_t>(at) : 0;
    INFO("operation " << at << ", kind " << kind);
    Run run(script);
    const Outcome got = run.play();
    broken += static_cast<std::size_t>(got.crashes);
    check_equal(got);
  }
  CHECK(broken >= 30);
  std::printf("%zu crashes of kind %d\n", broken, kind);
}

TEST_CASE("an I/O error at any write or sync costs an answer of 503 at most, and the next try works") {
  const unsigned seed = seed_of_run();
  INFO("TIDEWATCH_SEED=" << seed);
  std::size_t broken = 0;
  for (const std::int64_t at : points(unbroken().operations, 40, seed)) {
    INFO("operation " << at);
    Script script;
    script.fault = {Fault::Kind::fail, at, 0};
    Run run(script);
    const Outcome got = run.play();
    broken += got.has_struck;
    check_equal(got);
  }
  CHECK(broken >= 30);
  std::printf("%zu operations failed once\n", broken);
}

TEST_CASE("a disk that is full or broken for a while: 503, alerts go on, the engine says so, and it ends by itself") {
  const unsigned seed = seed_of_run();
  INFO("TIDEWATCH_SEED=" << seed);
  const auto kind = GENERATE(Fault::Kind::no_space, Fault::Kind::broken);
  for (const std::int64_t at : points(unbroken().operations / 2, 25, seed)) {
    INFO("operation " << at << ", kind " << static_cast<int>(kind));
    Script script;
    script.fault = {kind, at, 0};
    script.mended_at = 34;
    Run run(script);
    Outcome got = run.play();
    CHECK(got.has_struck);
    CHECK(got.refused > 0);
    std::map<std::string, int> health;
    for (auto key = got.keys.begin(); key != got.keys.end();)
      key = key->find("tidewatch/store") != std::string::npos ? got.keys.erase(key) : std::next(key);
    for (const Message& m : got.accepted)
      if (m.monitor == "tidewatch/store") ++health[m.notifier + " " + m.event];
    CHECK(health["shop/page firing"] == 1);
    CHECK(health["shop/page resolved"] == 1);
    CHECK(health["shop/chat firing"] == 1);
    CHECK(health["shop/chat resolved"] == 1);
    check_equal(got);
  }
}

TEST_CASE("with the engine down for a while after a crash, nobody is told twice and `lasting` loses that time only") {
  const unsigned seed = seed_of_run();
  INFO("TIDEWATCH_SEED=" << seed);
  const auto told = [](const Outcome& o) {
    std::multiset<std::string> out;
    for (const Message& m : o.accepted) out.insert(m.notifier + " " + m.monitor + " " + m.labels + " " + m.event);
    return out;
  };
  const auto fired = [](const Outcome& o) {
    for (const Message& m : o.accepted)
      if (m.monitor == "shop/lasting" && m.event == "firing") return m.at;
    return far_future;
  };
  for (const std::int64_t at : points(unbroken().operations * 3 / 4, 30, seed)) {
    INFO("operation " << at);
    Script script;
    script.seconds = 55;
    script.fault = {Fault::Kind::cut, at, 0};
    Script whole = script;
    whole.fault = {};
    static const Outcome wanted = Run(whole).play();
    script.down = seconds(7);
    const Outcome got = Run(script).play();
    REQUIRE(got.crashes == 1);
    CHECK(got.rows == wanted.rows);
    // A message sent again carries the same key.
    std::map<std::string, std::set<std::string>> keys;
    for (const Message& m : got.accepted)
      keys[m.notifier + " " + m.monitor + " " + m.labels + " " + m.event].insert(m.key);
    std::set<std::string> wanted_told;
    for (const auto& one : told(wanted)) wanted_told.insert(one);
    for (const auto& [what, of] : keys) {
      INFO(what);
      CHECK(wanted_told.count(what) == 1);
      CHECK(of.size() == told(wanted).count(what));
    }
    const Duration late = fired(got) - fired(wanted);
    INFO("late by " << format_duration(late));
    CHECK(late >= Duration{0});
    CHECK(late <= seconds(7 + 6));
  }
}
