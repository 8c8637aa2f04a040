local api = stream "api" {
  time = "ts",
  columns = { ts = "time", endpoint = "category", status = "integer", latency_ms = "number" },
}
monitor "slow" {
  value = api:mean("latency_ms", { over = "5m" }),
  owner = "ml", on_no_data = "alret", threshold = 3,
  warning = above(10, { clear = 20 }),
}
