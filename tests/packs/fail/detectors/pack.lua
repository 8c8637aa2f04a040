local api = stream "api" { time = "ts", columns = { ts = "time", ms = "number" } }
local function w(name, value) monitor(name) { value = value, info = above(3) } end
w("a", api:count { over = "5m" }:ewma { decay = 3 })
w("b", api:freshness():ewma())
w("c", api:count { over = "5m" }:ewma():cusum())
w("d", api:count { over = "5m" }:seasonal())
w("e", api:count { over = "5m" }:adwin())
w("f", api:count { over = "5m" }:mad { ovr = "1h" })
w("g", api:count { over = "5m" }:cusum { against = baseline "x" })
w("h", api:mean("ms", { over = "5m" }):cusum { against = baseline "nix" })
w("i", api:mean("ms", { over = "5m" }):time_to("x", { over = "1h" }))
w("j", api:mean("ms", { over = "5m" }):seasonal { zone = "Europe/Berln", period = "1 day" })
