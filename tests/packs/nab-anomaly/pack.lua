-- The score of the stock detector, defaults throughout, for every value of a `timestamp,value` file: a test reads the
-- values of monitor "anomaly" from a backtest. The score is signed; how far it is from 0 is what is unusual.
local series = stream "series" { time = "timestamp", columns = { { "timestamp", "time" }, { "value", "number" } } }

monitor "anomaly" {
  value = series:last("value", { over = "1 rows" }):ewma(), every = "arrival", info = outside(-1e300, 1e300),
  on_no_data = "ok",
}
