local api = stream "api" {
  time = "ts",
  columns = { ts = "time", endpoint = "category", status = "integer", latency_ms = "number" },
}
for i = 1, 2 do
  monitor "slow" { value = api:mean("latency_ms", { over = "5m" }), warning = above(10) }
end
