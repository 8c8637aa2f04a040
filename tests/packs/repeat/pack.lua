-- For tests/repeat_test.py: what a pack may ask of Lua itself (row predicates, derived values, `when` functions with
-- arithmetic and texts), so that two processes and two Luas can be compared to the last byte.
local api = stream "api" {
  time = "ts",
  columns = { { "ts", "time" }, { "endpoint", "category" }, { "ms", "number", null = true }, { "n", "integer" } },
}

console "screen" {}

local function is_odd(row) return row.n % 2 == 1 and row.endpoint ~= "/d" end

monitor "slow" { value = api:mean("ms", { over = "1m", by = "endpoint" }), every = "5s", warning = above(52), critical = above(60):lasting "20s" }

monitor "odd" { value = api:count { over = "1m", where = is_odd }, every = "2s", warning = above(14), info = above(9):times(3) }

monitor "unusual" {
  value = api:count { over = "30s", by = "endpoint" }:ewma { decay = 0.05, warm = 20 }, every = "5s",
  warning = outside(-2.5, 2.5),
}

monitor "risen" {
  value = api:mean("ms", { over = "10s", step = "2s" }):page_hinkley { over = "1m", limit = 20 }, every = "5s",
  info = above(0),
}

monitor "spread" {
  every = "3s",
  inputs = { p95 = api:p95("ms", { over = "5m" }), mean = api:mean("ms", { over = "5m" }), n = api:count { over = "5m" } },
  when = function(now, labels)
    if now.n.value < 20 then return unknown("only " .. now.n.value .. " rows") end
    local spread = (now.p95.value - now.mean.value) / now.mean.value
    if spread > 0.25 then return critical(string.format("spread %.17g over %d rows", spread, now.n.value)) end
    if spread > 0.2 then return warning("spread " .. spread .. ", mean " .. now.mean.value) end
    return ok
  end,
}
