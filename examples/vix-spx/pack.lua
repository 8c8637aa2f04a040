-- Watches an index and volatility model served over HTTP: what arrives each trading day, what the model says, how the
-- service answers, and what its decisions cost. `tidewatch check examples/vix-spx` reads this file; `simulator.lua`
-- makes a market to try it on; `pack_test.lua` shows each monitor fire when it should and stay quiet otherwise.

-- What arrives -------------------------------------------------------------------------------------------------------
-- Columns are listed in the order they are delivered: a reordering is a schema change too.
local market = stream "market" {
  time = "date",
  columns = {
    { "date", "time" },
    { "sp500_open", "number?" }, { "sp500_high", "number?" }, { "sp500_low", "number?" },
    { "sp500_close", "number?" }, { "sp500_volume", "number?" }, { "vix_close", "number?" },
  },
}
market:derive { sp500_return = "sp500_close / sp500_open - 1" }

local predictions = stream "predictions" {
  time = "date",
  columns = {
    { "date", "time" }, { "made_on", "time" },
    { "vix_true", "number?" }, { "vix_pred", "number" },
    { "absret_pct_true", "number?" }, { "absret_pct_pred", "number" },
    { "up_true", "integer?" }, { "up_prob", "number" },
  },
}

local api = stream "api" {
  time = "ts",
  columns = { { "ts", "time" }, { "endpoint", "category" }, { "status", "integer" }, { "latency_ms", "number" } },
}

local host = stream "host" {
  time = "ts",
  columns = {
    { "ts", "time" }, { "up", "boolean" }, { "port_conflict", "boolean" },
    { "cpu", "number" }, { "memory", "number" }, { "restarts_total", "integer" },
  },
}

local importances = stream "importances" {
  time = "date",
  columns = { { "date", "time" }, { "feature", "category" }, { "weight", "number" } },
}

-- Two calm years. A baseline is pinned once and stays, whatever is later kept or dropped.
baseline "market 2004-2005" { stream = "market", from = "2004-01-01", to = "2006-01-01" }
baseline "model 2004-2005" { stream = "predictions", from = "2004-01-01", to = "2006-01-01" }
baseline "weights 2004-2005" { stream = "importances", from = "2004-01-01", to = "2006-01-01" }

-- Who hears of it ----------------------------------------------------------------------------------------------------
console "screen" {}

-- Data layer ---------------------------------------------------------------------------------------------------------
monitor "schema" {                                                                                             -- C1
  layer = "data", team = "data-engineering", runbook = "inspect-ingestion",
  value = market:schema_changes { over = "5 days", read = "open" },
  every = "arrival",
  critical = above(0),
  on_no_data = "ok",
  annotations = { summary = "the market feed changed its columns; inspect the ingestion job, rerun or backfill" },
}

for _, column in ipairs { "vix_close", "sp500_close", "sp500_volume" } do                                      -- C2
  monitor("nulls-" .. column) {
    layer = "data", team = "data-engineering", runbook = "inspect-ingestion",
    value = market:null_rate(column, { over = "90 days", read = "open" }),
    every = "arrival",
    warning = above(0.005),
    critical = above(0.02),
    on_no_data = "keep",                               -- a silent feed is the business of "late-data"
    annotations = { summary = "{value} of " .. column .. " is null over 90 days" },
  }
end

-- 120 rows, not 20, and judged only when all are there: with 20 rows a PSI of 0.3 is what chance alone gives, with 70
-- it still comes once in a few years.
monitor "drift-vix" {                                                                                          -- C3
  layer = "data", team = "data-science", runbook = "drift-diagnostics",
  value = market:psi("vix_close", { over = "120 rows", min_n = 120, against = baseline "market 2004-2005" }),
  every = "arrival",
  critical = above(0.3):times(3),
  on_no_data = "keep",
  annotations = { summary = "vix_close drifted: PSI {value} over {n} days; pause deployments" },
}

-- A level that trends drifts for ever, and a rule that always fires says nothing: so the level only informs, and the
-- daily return, which has no trend, is what warns.
monitor "drift-sp500" {
  layer = "data", team = "data-science", runbook = "drift-diagnostics",
  value = market:psi("sp500_close", { over = "120 rows", min_n = 120, against = baseline "market 2004-2005" }),
  every = "arrival",
  info = above(0.3):times(3),
  on_no_data = "keep",
}
monitor "drift-sp500-return" {
  layer = "data", team = "data-science", runbook = "drift-diagnostics",
  value = market:psi("sp500_return", { over = "120 rows", min_n = 120, against = baseline "market 2004-2005" }),
  every = "arrival",
  critical = above(0.3):times(3),
  on_no_data = "keep",
}

monitor "late-data" {                                                                                          -- C4
  layer = "data", team = "data-engineering", runbook = "check-etl-schedule",
  value = market:freshness { unit = "business days", calendar = "XNYS" },
  every = "1h",
  critical = above(1),
  annotations = { summary = "{value} business days are missing; verify the ETL schedule" },
}

-- System layer -------------------------------------------------------------------------------------------------------
monitor "latency" {                                                                                            -- C5
  layer = "system", team = "mlops", runbook = "restart-service",
  value = api:p95("latency_ms", { over = "15m", by = "endpoint" }),
  every = "1m",
  warning = above(300):lasting "5m",
  critical = above(500, { clear = 400 }):lasting "20m",
  annotations = { summary = "p95 of {endpoint} is {value} ms" },
}
monitor "errors" {
  layer = "system", team = "mlops", runbook = "restart-service",
  value = api:share("status >= 500", { over = "15m" }),
  every = "1m",
  critical = above(0.01):lasting "2m",
  annotations = { summary = "{value} of requests fail" },
}
monitor "uptime" {
  layer = "system", team = "mlops", runbook = "restart-service",
  value = host:share("up", { over = "15m" }),
  every = "1m",
  warning = below(0.99), critical = below(0.9),
}
monitor "port-conflict" {
  layer = "system", team = "mlops", runbook = "check-port",
  value = host:share("port_conflict", { over = "15m" }),
  every = "1m",
  critical = above(0),
}
monitor "memory" {                                                                                             -- C6
  layer = "system", team = "mlops",
  value = host:mean("memory", { over = "15m" }),
  every = "1m",
  warning = above(0.8):lasting "5m", critical = above(0.95):lasting "5m",
}
monitor "cpu" {
  layer = "system", team = "mlops",
  value = host:mean("cpu", { over = "15m" }),
  every = "1m",
  warning = above(0.8):lasting "15m",
}
monitor "restarts" {
  layer = "system", team = "mlops",
  value = host:max("restarts_total", { over = "1h" }) - host:min("restarts_total", { over = "1h" }),
  every = "1m",
  warning = above(1), critical = above(4),
}
monitor "error-codes" {
  layer = "system", team = "mlops",
  value = api:count { over = "1h", by = "status", where = "status >= 400" },
  every = "1m",
  info = above(20),
  on_no_data = "ok",
}

-- Model layer --------------------------------------------------------------------------------------------------------
monitor "rmse" {                                                              -- C7: two weeks of trading days are 10 rows
  layer = "model", team = "data-science", runbook = "retrain",
  value = predictions:rmse("vix_pred", "vix_true", { over = "10 rows" }),
  every = "arrival",
  warning = rises(0.2, { from = baseline "model 2004-2005" }):times(5),
  critical = rises(1.0, { from = baseline "model 2004-2005" }):times(3),
  on_no_data = "keep",
  annotations = { summary = "RMSE of the VIX forecast is {value} points over two weeks" },
}
monitor "mae" {
  layer = "model", team = "data-science", runbook = "retrain",
  value = predictions:mae("vix_pred", "vix_true", { over = "60 rows" }),
  every = "arrival",
  warning = rises(0.5, { from = baseline "model 2004-2005" }):times(5),
  on_no_data = "keep",
}
monitor "hit-rate" {
  layer = "model", team = "data-science", runbook = "retrain",
  value = predictions:directional_hit_rate("vix_pred", "vix_true", { over = "120 rows" }),
  every = "arrival",
  warning = below(0.4):times(5),
  on_no_data = "keep",
}
monitor "calibration" {
  layer = "model", team = "data-science", runbook = "retrain",
  value = predictions:calibration("up_prob", "up_true", { over = "250 rows", min_n = 200 }),
  every = "arrival",
  warning = above(0.15):times(5),
  on_no_data = "keep",
}
monitor "feature-importance" {
  layer = "model", team = "data-science", runbook = "drift-diagnostics",
  value = importances:importance_shift("feature", "weight", { over = "60 rows", against = baseline "weights 2004-2005" }),
  every = "arrival",
  warning = above(0.15):times(3),
  on_no_data = "keep",
  annotations = { summary = "the model leans on other features: their weights moved by {value}" },
}

monitor "vix-high" {                                                          -- C8: five trading days above the 90th percentile
  layer = "business", team = "data-science", runbook = "retrain",
  value = market:percentile_rank("vix_close", { over = "252 rows" }),
  every = "arrival",
  warning = above(0.9):times(5),
  on_no_data = "keep",
  annotations = { summary = "VIX has been above its trailing 90th percentile for 5 days" },
}

-- Business layer -----------------------------------------------------------------------------------------------------
monitor "decision-accuracy" {                                                                                  -- C9
  layer = "business", team = "product-risk",
  value = predictions:accuracy("up_prob", "up_true", { over = "120 rows" }),
  every = "arrival",
  warning = below(0.42):times(5),
  on_no_data = "keep",
}
-- A missed fall costs three times a needless hedge.
monitor "decision-cost" {
  layer = "business", team = "product-risk",
  value = predictions:decision_cost("up_prob", "up_true",
    { over = "120 rows", false_positive = 3, false_negative = 1, per = "prediction" }),
  every = "arrival",
  warning = above(1.2):times(5),
  on_no_data = "keep",
  annotations = { summary = "a decision costs {value} on average" },
}
