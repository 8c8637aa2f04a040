-- Twenty days of a slow series against two years of it: what chance does to PSI there, for a test that compares the
-- threshold in force with figures worked out apart. "1 per 2408 days" is a chance of one in a thousand at each look: the
-- twenty rows that end on 2008-01-30 span 28 days.
local market = stream "market" {
  time = "date", columns = { date = "time", vix_close = "number?" },
}
baseline "calm" { stream = market, from = "2004-01-01", to = "2006-01-01" }

local drift = market:psi("vix_close", { over = "20 rows", min_n = 20, against = baseline "calm" })

monitor "asked" { value = drift, every = "arrival", critical = above(0.3) }
monitor "carried" {
  value = drift, every = "arrival", critical = above(0.3, { false_alarms = "1 per 2408 days" }),
}
