local api = stream "api" { time = "ts", columns = { ts = "time", latency_ms = "number" } }

if api:p95("latency_ms", { over = "5m" }) > 500 then print "slow" end
