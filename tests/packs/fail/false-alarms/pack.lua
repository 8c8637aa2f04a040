local api = stream "api" {
  time = "ts",
  columns = { ts = "time", ms = "number", score = "number", outcome = "boolean?" },
}
baseline "train" { stream = api, file = "train.csv" }

monitor "no-chance" {
  value = api:sum("ms", { over = "1h" }),
  critical = above(10, { false_alarms = "1 per month" }),
}
monitor "a-distance-has-no-low-side" {
  value = api:psi("ms", { over = "1h", against = baseline "train" }),
  critical = below(0.1, { false_alarms = "1 per month" }),
}
monitor "a-distance-has-no-past" {
  value = api:psi("ms", { over = "1h", against = baseline "train" }),
  critical = rises(0.5, { from = "1 day ago", false_alarms = "1 per month" }),
}
monitor "put-together" {
  value = api:count { over = "1h", where = "ms > 10" } / api:count { over = "1h" },
  critical = any_of { above(0.1, { false_alarms = "1 per month" }), below(0) },
}
monitor "no-rate" {
  value = api:mean("ms", { over = "1h" }),
  info = above(1, { false_alarms = "monthly" }),
  warning = above(2, { false_alarms = "0 per day" }),
  critical = above(3, { false_alarms = 1 }),
}
monitor "estimate-without-labels" {
  value = api:estimated_accuracy("score", { over = "1h", against = baseline "train" }),
  critical = below(0.7),
}
monitor "estimate-without-baseline" {
  value = api:estimated_auc("score", "outcome", { over = "1h" }),
  critical = below(0.7),
}
