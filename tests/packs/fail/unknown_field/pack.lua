local api = stream "api" {
  time = "ts",
  columns = { ts = "time", endpoint = "category", status = "integer", latency_ms = "number" },
}
monitor "errors" {
  value   = api:share("status >= 500", { over = "5m" }),
  warning = above(0.1),
  criticl = above(0.3),
}
