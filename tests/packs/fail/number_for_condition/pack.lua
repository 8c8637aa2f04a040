local api = stream "api" {
  time = "ts",
  columns = { ts = "time", endpoint = "category", status = "integer", latency_ms = "number" },
}
monitor "drift" {
  value    = api:mean("latency_ms", { over = "5m" }),
  critical = 0.3,
}
