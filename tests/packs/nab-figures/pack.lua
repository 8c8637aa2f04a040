-- Thresholds that must hold for a while, on measured series with known faults: each rule of the figures is a monitor
-- that looks at every sample as it arrives.
local series = stream "series" { time = "timestamp", columns = { { "timestamp", "time" }, { "value", "number" } } }

local function figure(name, value)
  monitor(name) { value = value, every = "1 day", info = above(1e12), on_no_data = "ok" }
end

local all = { over = "400 days", step = "1 day", exact = true }
for _, metric in ipairs { "min", "max", "p95" } do figure(metric, series[metric](series, "value", all)) end

figure("p95-rank", series:p95("value", { over = "400 days", step = "1 day", exact = true, method = "nearest_rank" }))
figure("repeated", series:duplicates("timestamp", { over = "400 days", step = "1 day" }))

local function rule(name, condition, lasting, where)
  monitor(name) {
    value = series:last("value", { over = "1 rows" }), every = "arrival", flapping = false,
    critical = lasting and condition:lasting(lasting) or condition,
  }
  figure("bad " .. name, series:count { over = "400 days", step = "1 day", where = where })
end
rule(">50 for 600s", above(50), "600s", "value > 50")
rule(">60 for 0s", above(60), nil, "value > 60")
rule(">80 for 300s", above(80), "300s", "value > 80")
rule(">80 for 1800s", above(80), "1800s", "value > 80")
rule(">15 for 300s", above(15), "300s", "value > 15")
rule("<80 for 300s", below(80), "300s", "value < 80")
rule(">95 for 900s", above(95), "900s", "value > 95")

monitor "silence" { value = series:freshness(), every = "1m", info = above(300), flapping = false }
