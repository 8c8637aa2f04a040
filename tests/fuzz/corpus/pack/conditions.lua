local s = stream "s" { time = "t", columns = { t = "time", x = "number", k = "category" } }
monitor "a" { value = s:mean("x", { over = "1h", by = "k" }), warning = above(1, { clear = 0.5 }):lasting "2m",
  critical = any_of(above(2), below(-2)):keep_firing "5m", every = "30s" }
monitor "b" { every = "1m", inputs = { n = s:count { over = "1h", where = "x > 3" } },
  when = function(now, labels) if now.n.value > 3 then return critical("%d", now.n.value) end end }
console "screen" {}
