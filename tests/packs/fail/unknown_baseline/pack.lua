local api = stream "api" {
  time = "ts",
  columns = { ts = "time", endpoint = "category", status = "integer", latency_ms = "number" },
}
monitor "slow" {
  value   = api:mean("latency_ms", { over = "5m" }),
  warning = rises(0.2, { from = baseline "trian" }),
}
baseline "train" { stream = api, file = "train.csv" }
