// Time as scripts see it: the engine's, never the machine's clock, so that a backtest answers as the live run did.

#include "bindings/declarations.h"

namespace tidewatch {

namespace {

int now(Call& call) {
  if (!call.pack.now) throw Misuse("now() has no engine time here");
  push_number(call.state, static_cast<double>(call.pack.now->ns) / 1e9);
  return 1;
}

}  // namespace

std::vector<Entry> time_entries() {
  return {{"now",
           "function",
           "",
           {},
           "number",
           {Context::monitor, Context::test, Context::report, Context::prompt, Context::runbook},
           "read",
           "Engine time in seconds since 1970-01-01 UTC.",
           {"monitor \"clock\" {\n  every = \"1m\", inputs = { n = api:count { over = \"1h\" } },\n  when = "
            "function(r) if now() - r.n.from > 7200 then return warning \"old window\" end end,\n}"},
           now,
           nullptr}};
}

}  // namespace tidewatch
