// A pack loaded again and again leaves nothing behind: no reference into a closed state, no memory.
#include <malloc.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "bindings/binding.h"
#include "bindings/script_pack.h"
#include "pack_folder.h"

using namespace tidewatch;

namespace {

constexpr const char* pack_text =
    "local api = stream \"api\" { time = \"ts\", columns = { ts = \"time\", ms = \"number\" } }\n"
    "local t = {} for i = 1, 100 do t[i] = { i } end\n"
    "monitor \"rows\" { value = api:count { over = \"1m\", where = function(r) return r.ms > #t end },\n"
    "  critical = above(1) }\n"
    "monitor \"judged\" { every = \"1m\", inputs = { n = api:count { over = \"1h\" } },\n"
    "  when = function(now) if now.n.value > 3 then return critical(\"%d\", now.n.value) end end }\n";

std::size_t in_use() { return mallinfo2().uordblks; }

}  // namespace

TEST_CASE("a thousand reloads leave memory level and no reference open", "[slow]") {
  const PackFolder folder(pack_text);
  const char* wanted = std::getenv("TIDEWATCH_RELOADS");  // 10000 before a release
  const int reloads = wanted != nullptr ? std::max(200, std::atoi(wanted)) : 1000;
  const int open_before = Ref::alive();
  std::shared_ptr<ScriptPack> running;
  std::size_t level = 0;
  int of_one = 0;
  for (int i = 0; i < reloads; ++i) {
    std::vector<Problem> problems;
    std::shared_ptr<ScriptPack> next = ScriptPack::load(folder.path.string(), problems, true);
    REQUIRE(next);
    running = std::move(next);  // the old state closes now
    Reading reading;
    reading.value = 7;
    reading.status = Status::ok;
    const std::pair<std::string_view, const Reading*> inputs[] = {{"n", &reading}};
    const auto& spec = running->spec();
    for (const auto& m : spec.monitors)
      if (m.judge >= 0) REQUIRE(running->judge(m.judge, LabelSet(), inputs, Instant{}).message == "7");
    if (i == 0) of_one = Ref::alive() - open_before;
    if (i == 100) level = in_use();
  }
  CHECK(of_one >= 2);
  CHECK(Ref::alive() == open_before + of_one);  // of the one that runs
  const std::size_t end = in_use();
  INFO("bytes in use after 100 loads " << level << ", after " << reloads << " " << end);
  CHECK(end < level + (256u << 10));
  running.reset();
  CHECK(Ref::alive() == open_before);
}
