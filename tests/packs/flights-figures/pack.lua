-- Flight delays, a heavy tail: exact quantiles by day and figures of two weeks, as monitors that never fire.
local flights = stream "flights" {
  time = "date",
  columns = { { "date", "time" }, { "delay", "integer" }, { "distance", "integer" } },
}

local function figure(name, value)
  monitor(name) { value = value, every = "1 day", info = above(1e12), on_no_data = "ok" }
end

for _, metric in ipairs { "p50", "p95", "p99" } do
  figure(metric, flights[metric](flights, "delay", { over = "calendar day", exact = true }))
end
figure("p95-rank", flights:p95("delay", { over = "calendar day", exact = true, method = "nearest_rank" }))
for _, metric in ipairs { "mean", "min", "max" } do
  figure(metric, flights[metric](flights, "delay", { over = "14 days", step = "1 day" }))
end
figure("late", flights:share("delay > 60", { over = "14 days", step = "1 day" }))
