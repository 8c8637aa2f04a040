-- A daily feed that died for five years, changed its header twice and came a day late for months: how old it was, when
-- it fell silent, what it looked like. Monitors that never notify anybody; a test reads their values and spans.
local feed = stream "feed" {
  time = "published_utc",
  columns = {
    { "published_utc", "time" }, { "newest_date", "time" }, { "rows", "integer" }, { "rows_added", "integer?" },
    { "newest_close", "number" }, { "header", "category" }, { "commit", "string" },
  },
}
feed:derive { delivery_hours = "(published_utc - newest_date) / 3600 - 21", newest_day = "newest_date / 86400" }

monitor "publishes" { value = feed:count { over = "1000 days", step = "1 day" }, every = "1 day", info = above(1e12) }
monitor "behind" {
  value = feed:freshness { unit = "business days", of = "newest_date" }, every = "1h", info = above(1),
  warning = above(2),
}
monitor "silent-26h" { value = feed:freshness(), every = "1m", info = above(26 * 3600) }
monitor "silent-74h" { value = feed:freshness(), every = "1m", info = above(74 * 3600) }
monitor "header" {
  value = feed:last("header", { over = "1 rows" }), every = "arrival", warning = changed(), flapping = false,
}
monitor "delivery" {
  value = feed:last("delivery_hours", { over = "1 rows" }), every = "arrival", warning = above(24), flapping = false,
}
monitor "delivered" {
  value = feed:job_success {
    over = "600 days", step = "1 day", schedule = "21:00", within = "24h", covers = "newest_date",
  },
  every = "1 day", info = below(-1), on_no_data = "ok",
}
monitor "newest-day" { value = feed:last("newest_day", { over = "1 rows" }), every = "arrival", info = above(1e12) }
