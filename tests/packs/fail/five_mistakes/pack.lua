local api = stream "api" {
  time = "ts",
  columns = { ts = "time", endpoint = "category", status = "integer", latency_ms = "number" },
}
monitor "one" {
  value = api:mean("latency_ms", { over = "5 parsecs" }),
  warning = above(1),
}
monitor "two" { value = api:mean("latncy_ms", { over = "5m" }), warning = above(1) }
monitor "three" { value = api:count { over = "5m", group_by = "endpoint" }, warning = above(1) }
monitor "four" { value = api:count { over = "5m" }, warning = "above(1)" }
monitor "five" { inputs = { n = api:count { over = "5m" } }, when = function(r) end, critical = above(1) }
