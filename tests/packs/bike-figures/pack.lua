-- Figures of a demand forecast as monitors that never fire: a test reads their values from a backtest and compares them
-- with an oracle. Nothing here is special code; each is a metric anyone can write.
local bike = stream "bike" {
  time = "ts",
  columns = {
    { "ts", "time" }, { "season", "integer" }, { "holiday", "integer" }, { "weekday", "integer" },
    { "workingday", "integer" }, { "weathersit", "integer" }, { "temp", "number" }, { "atemp", "number" },
    { "hum", "number" }, { "windspeed", "number" }, { "casual", "integer" }, { "registered", "integer" },
    { "cnt", "integer" }, { "pred", "number" },
  },
}
baseline "training" { stream = "bike", from = "2011-01-01", to = "2011-01-29" }

local function figure(name, value, every)
  monitor(name) { value = value, every = every or "1 day", info = above(1e12), on_no_data = "ok" }
end

for _, metric in ipairs { "mae", "rmse", "r2", "bias" } do
  for _, window in ipairs { "month", "week" } do
    figure(metric .. "-" .. window, bike[metric](bike, "pred", "cnt", { over = "calendar " .. window }))
  end
end
figure("mae-7-days", bike:mae("pred", "cnt", { over = "7 days", step = "1h" }), "1h")

for _, column in ipairs { "cnt", "registered" } do
  figure(column .. "-day", bike:sum(column, { over = "calendar day" }))
end
figure("deviation", bike:sum("cnt", { over = "1 day", step = "1 day" }):deviation {
  from = trailing("28 days", { statistic = "median" }),
})
monitor "silence" { value = bike:freshness(), every = "1h", info = above(3600) }

for _, column in ipairs { "temp", "hum", "windspeed" } do
  for _, metric in ipairs { "psi", "kl", "js" } do
    figure(metric .. "-" .. column, bike[metric](bike, column, {
      over = "calendar month", against = baseline "training", smoothing = "floor", point_masses = false,
    }))
  end
  figure("training-" .. column, bike:mean(column, { over = "28 days", step = "1 day" }))
  figure("ks-" .. column, bike:ks(column, { over = "calendar month", against = baseline "training" }))
  figure("psi-width-" .. column, bike:psi(column, {
    over = "calendar month", against = baseline "training", smoothing = "floor", point_masses = false,
    bins = { equal_width = 10 },
  }))
end
