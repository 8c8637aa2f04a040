-- Figures of a market and its model as monitors that never fire: a test reads their values from a backtest and compares
-- them with an oracle. Nothing here is special code; each is a metric anyone can write.
local market = stream "market" {
  time = "date",
  columns = {
    { "date", "time" }, { "sp500_open", "number?" }, { "sp500_high", "number?" }, { "sp500_low", "number?" },
    { "sp500_close", "number?" }, { "sp500_volume", "number?" }, { "vix_close", "number?" },
  },
}
local predictions = stream "predictions" {
  time = "date",
  columns = {
    { "date", "time" }, { "made_on", "time" }, { "vix_true", "number?" }, { "vix_pred", "number?" },
    { "absret_pct_true", "number?" }, { "absret_pct_pred", "number?" }, { "up_true", "integer?" },
    { "up_prob", "number?" },
  },
}
baseline "market" { stream = "market", from = "2004-01-01", to = "2006-01-01" }
baseline "model" { stream = "predictions", from = "2004-01-01", to = "2006-01-01" }

local function figure(name, value, every)
  monitor(name) { value = value, every = every or "1 day", info = above(1e12), on_no_data = "ok" }
end

for _, column in ipairs { "vix_close", "sp500_close" } do
  for _, metric in ipairs { "psi", "kl", "js" } do
    figure(metric .. "-" .. column, market[metric](market, column, {
      over = "calendar year", against = baseline "market", smoothing = "floor", point_masses = false,
    }))
  end
end
for _, column in ipairs { "vix_close", "sp500_close" } do
  figure("reference-" .. column, market:mean(column, { over = "731 days", step = "1 day" }))
  figure("ks-" .. column, market:ks(column, { over = "calendar year", against = baseline "market" }))
  figure("psi-width-" .. column, market:psi(column, {
    over = "calendar year", against = baseline "market", smoothing = "floor", point_masses = false,
    bins = { equal_width = 10 },
  }))
end
figure("nulls", market:null_rate("vix_close", { over = "7000 days", step = "1 day" }))
figure("predicted", predictions:count { over = "7000 days", step = "1 day" })
figure("psi20", market:psi("vix_close", {
  over = "20 rows", min_n = 20, against = baseline "market", smoothing = "floor", point_masses = false,
}), "arrival")
monitor "psi20-run" {
  value = market:psi("vix_close", {
    over = "20 rows", min_n = 20, against = baseline "market", smoothing = "floor", point_masses = false,
  }),
  every = "arrival", info = above(0.3):times(3), on_no_data = "keep",
}

for _, metric in ipairs { "mae", "rmse", "r2", "bias" } do
  figure(metric .. "-vix", predictions[metric](predictions, "vix_pred", "vix_true", { over = "calendar year" }))
end
figure("rmse10", predictions:rmse("vix_pred", "vix_true", { over = "10 rows", min_n = 10 }), "arrival")
figure("rmse10-rise", predictions:rmse("vix_pred", "vix_true", { over = "10 rows", min_n = 10 }):deviation {
  from = baseline "model",
}, "arrival")
for _, metric in ipairs { "accuracy", "brier", "ece", "auc" } do
  figure(metric .. "-up", predictions[metric](predictions, "up_prob", "up_true", { over = "calendar year" }))
end
figure("ups", predictions:sum("up_true", { over = "calendar year" }))
figure("hits", predictions:accuracy("up_prob", "up_true", { over = "10 rows", min_n = 10 }), "arrival")
