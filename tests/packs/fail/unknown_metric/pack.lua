local api = stream "api" {
  time = "ts",
  columns = { ts = "time", endpoint = "category", status = "integer", latency_ms = "number" },
}
monitor "slow" {
  value   = api:maen("latency_ms", { over = "5m" }),
  warning = above(10),
}
