-- Joins that cannot be, and metrics a joined stream does not have.
local scores = stream "scores" {
  time = "ts", columns = { id = "string", ts = "time", risk = "number" },
}
local outcomes = stream "outcomes" {
  time = "ts", columns = { id = "integer", loan = "string", ts = "time", defaulted = "boolean" },
}
local by_type = scores:join(outcomes, { on = "id", within = "2 days" })
local by_name = scores:join(outcomes, { on = "loan", within = "2 days" })
local no_span = scores:join(outcomes, { on = "ts" })
local too_much = scores:join(outcomes, { on = "ts", within = "2 days", coverage = 80 })
local itself = scores:join(scores, { on = "id", within = "2 days" })

local judged = scores:join(outcomes, { on = "ts", within = "2 days" })
scores:derive { twice = "risk * 2" }
monitor "rows"  { value = judged:count { over = "10 rows" }, warning = above(1) }
monitor "open"  { value = judged:count { over = "1h", read = "open" }, warning = above(1) }
monitor "plain" { value = scores:coverage { over = "1h" }, warning = below(0.5) }
monitor "read"  { value = scores:count { over = "1h", read = "latest" }, warning = above(1) }
