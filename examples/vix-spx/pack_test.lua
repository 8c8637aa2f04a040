-- Each requirement of the pack: fires when its fault is there, ends when it is gone, and is quiet on healthy days.
-- Daily rows arrive at 21:00 UTC. The baselines are the two calm years that every daily test begins with.

local daily = { "market", "predictions", "importances" }

-- Two calm years, then `lasting` more with the faults given as offsets from the end of the calm.
local function after_two_calm_years(t, lasting, faults)
  t:start "2004-01-01"
  t:simulate { lasting = "731 days", streams = daily }
  t:simulate { lasting = lasting, streams = daily, seed = 2, faults = faults }
end

local daily_monitors = {
  "schema", "nulls-vix_close", "nulls-sp500_close", "nulls-sp500_volume", "drift-vix", "drift-sp500", "drift-sp500-return",
  "late-data", "rmse", "mae", "hit-rate", "calibration", "feature-importance", "vix-high", "decision-accuracy", "decision-cost",
}

test("healthy years tell nobody anything", function(t)
  after_two_calm_years(t, "365 days")
  expect(t:notifications {}):count(0)
  for _, name in ipairs(daily_monitors) do expect(t:alert(name)):is "ok" end
end)

test("a healthy service tells nobody anything", function(t)
  t:start "2026-01-05"
  t:simulate { lasting = "1 day", streams = { "api", "host" } }
  expect(t:notifications {}):count(0)
  expect(t:alert "latency" { endpoint = "/vix" }):is "ok"
  expect(t:alert "uptime"):is "ok"
end)

test("C1 a renamed column is a schema change", function(t)
  after_two_calm_years(t, "20 days", { { name = "schema", from = "5 days", to = "6 days" } })
  expect(t:notifications { monitor = "schema", event = "firing" }):count(1)
  expect(t:notifications { monitor = "schema", event = "resolved" }):count(1)
end)

test("C2 nulls in one column warn, then are critical, for that column alone", function(t)
  after_two_calm_years(t, "60 days", { { name = "nulls", from = "10 days", to = "40 days" } })
  expect(t:alert "nulls-vix_close"):is "critical"
  expect(t:alert "nulls-sp500_close"):is "ok"
end)

test("C3 a drifted index pages after three days and clears when it is over", function(t)
  after_two_calm_years(t, "600 days", { { name = "drift", from = "30 days", to = "200 days" } })
  expect(t:notifications { monitor = "drift-vix", event = "firing" }):count(1)
  expect(t:notifications { monitor = "drift-vix", event = "resolved" }):count(1)
  expect(t:alert "drift-vix"):is "ok"
  expect(t:notifications { monitor = "drift-sp500-return" }):count(0)
end)

test("C4 two missing business days are late, one is not", function(t)
  after_two_calm_years(t, "20 days", { { name = "stale", from = "5 days", to = "9 days" } })
  expect(t:notifications { monitor = "late-data", event = "firing" }):count(1)
  expect(t:notifications { monitor = "late-data", event = "resolved" }):count(1)
end)

test("C5 a slow endpoint warns after five minutes, is critical after twenty, and only that endpoint", function(t)
  t:start "2026-01-05"
  t:feed("api", { endpoint = "/vix", status = 200, latency_ms = 100 }, { every = "10s", lasting = "1h" })
  t:feed("api", { endpoint = "/spx", status = 200, latency_ms = 90 })
  t:feed("api", { endpoint = "/vix", status = 200, latency_ms = 700 }, { every = "10s", lasting = "40m" })
  expect(t:alert "latency" { endpoint = "/vix" }):is "critical"
  expect(t:notifications { monitor = "latency" }):count(2)
  t:feed("api", { endpoint = "/vix", status = 200, latency_ms = 450 }, { every = "10s", lasting = "30m" })
  expect(t:alert "latency" { endpoint = "/vix" }):is "critical"          -- between clear and threshold it stays
  t:feed("api", { endpoint = "/vix", status = 200, latency_ms = 100 }, { every = "10s", lasting = "30m" })
  expect(t:alert "latency" { endpoint = "/vix" }):is "ok"
end)

test("C5 failing requests are critical after two minutes", function(t)
  t:start "2026-01-05"
  t:simulate { lasting = "6h", streams = { "api", "host" }, faults = { { name = "errors", from = "2h", to = "3h" } } }
  expect(t:notifications { monitor = "errors", event = "firing" }):count(1)
  expect(t:notifications { monitor = "errors", event = "resolved" }):count(1)
end)

test("C5 a service that is down, and a port held by another, are seen", function(t)
  t:start "2026-01-05"
  t:simulate { lasting = "6h", streams = { "host" }, faults = {
    { name = "down", from = "1h", to = "2h" }, { name = "port_conflict", from = "3h", to = "4h" } } }
  expect(t:notifications { monitor = "uptime", event = "firing" }):count(1)
  expect(t:notifications { monitor = "port-conflict", event = "firing" }):count(1)
  expect(t:alert "uptime"):is "ok"
  expect(t:alert "port-conflict"):is "ok"
end)

test("C6 memory, processor, restarts and error codes each have their own monitor", function(t)
  t:start "2026-01-05"
  t:simulate { lasting = "12h", streams = { "host", "api" }, faults = {
    { name = "leak", from = "1h", to = "2h" }, { name = "busy", from = "3h", to = "4h" },
    { name = "restarts", from = "5h", to = "7h" }, { name = "errors", from = "8h", to = "11h" } } }
  for _, name in ipairs { "memory", "cpu", "restarts", "error-codes" } do
    expect(#t:notifications { monitor = name, event = "firing" } >= 1):equals(true)
  end
  expect(t:alert "memory"):is "ok"
end)

test("C7 a model that decays is found by its errors, and one that stays is not", function(t)
  after_two_calm_years(t, "120 days", { { name = "decay", from = "20 days", to = "120 days" } })
  expect(t:alert "rmse"):is "critical"
  expect(t:alert "mae"):is "warning"
  expect(t:alert "drift-vix"):is "ok"
end)

test("C7 a model that leans on other features is seen, though its errors are the same", function(t)
  after_two_calm_years(t, "120 days", { { name = "leaning", from = "40 days", to = "80 days" } })
  expect(t:notifications { monitor = "feature-importance", event = "firing" }):count(1)
  expect(t:notifications { monitor = "feature-importance", event = "resolved" }):count(1)
  expect(t:notifications { monitor = "rmse" }):count(0)
end)

test("C8 a volatile market is told on its fifth day above the 90th percentile", function(t)
  after_two_calm_years(t, "400 days", { { name = "crisis", from = "300 days", to = "312 days" } })
  expect(t:notifications { monitor = "vix-high", event = "firing" }):count(1)
  expect(t:notifications { monitor = "vix-high", event = "resolved" }):count(1)
end)

test("C7 C9 a model that bets on the wrong side is badly calibrated, often wrong and costly", function(t)
  after_two_calm_years(t, "300 days", { { name = "reversed", from = "20 days", to = "300 days" } })
  expect(t:alert "calibration"):is "warning"
  expect(t:alert "decision-accuracy"):is "warning"
  expect(t:alert "decision-cost"):is "warning"
end)
