local api = stream "api" {
  time = "ts", columns = { ts = "time", endpoint = "category", latency_ms = "number" },
}

monitor "slow" {
  value       = api:p95("latency_ms", { over = "5m", by = "endpoint" }),
  warning     = above(500),
  annotations = { summary = "{endpont} takes {valu} ms", fine = "{endpoint} {value} {n} {{braces}}" },
}

monitor "slow-everywhere" {
  value       = api:p95("latency_ms", { over = "5m" }),
  warning     = above(500),
  annotations = { summary = "{endpoint} takes {value ms" },
}
