local listed = stream "listed" { time = "ts", columns = { "ts", "latency_ms" } }
local api = stream "api" {
  time = "ts", columns = { ts = "time", version = "category", latency_ms = "number" },
}

monitor "canary" {
  value   = api:compare("latency_ms", { over = "7 days", by = "version", control = "v1", candidate = "v1", least = 5 }),
  warning = below(0.05),
}
