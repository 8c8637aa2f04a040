local api = stream "api" {
  time = "ts",
  columns = { ts = "time", latency_ms = "float" },
}
