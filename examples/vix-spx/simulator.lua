-- A market without surprises, and the ways it breaks. Healthy days have almost no memory, so that a window of 120 days
-- looks like the two years of the baseline: what fires on them is a false alarm, and there should be none.
local vix_memory, level_memory = 0, 0
local last_close, restarts = 1100, 0

local function round(x, digits)
  local k = 10 ^ digits
  return math.floor(x * k + 0.5) / k
end

local function trading_day(sim)
  vix_memory = 0.1 * vix_memory + 0.15 * sim:normal()
  level_memory = 0.1 * level_memory + 0.015 * sim:normal()
  local vix, close = 15 * math.exp(vix_memory), 1100 * math.exp(level_memory)
  if sim:fault "drift" then vix = vix * 1.6 end
  if sim:fault "crisis" then vix, close = vix * 2.5, close * 0.8 end

  local date = sim.date
  local row = {
    date = date, sp500_open = round(last_close, 2), sp500_high = round(math.max(last_close, close) * 1.004, 2),
    sp500_low = round(math.min(last_close, close) * 0.996, 2), sp500_close = round(close, 2),
    sp500_volume = math.floor(1e9 * (1 + 0.1 * sim:random())), vix_close = round(vix, 2),
  }
  if sim:fault "nulls" and sim:random() < 0.3 then row.vix_close = nil end
  if sim:fault "schema" then row.vix_last, row.vix_close = row.vix_close, nil end
  if not sim:fault "stale" then sim:emit("market", row) end

  -- The model misses by much the same each day, up or down: with normal errors a two-week RMSE rises 20 % by chance
  -- every few weeks. A decayed one is three times as far off, a reversed one bets on the wrong side.
  local miss = (sim:fault "decay" and 2.4 or 0.8) * (0.9 + 0.2 * sim:random()) * (sim:random() < 0.5 and -1 or 1)
  local chance = 0.3 + 0.4 * sim:random()
  if sim:fault "reversed" then chance = chance < 0.5 and 0.1 or 0.9 end
  local goes_up = sim:random() < chance
  if sim:fault "reversed" then goes_up = not goes_up end
  if not sim:fault "stale" then
    sim:emit("predictions", {
      date = date, made_on = date, vix_true = round(vix, 2), vix_pred = round(vix + miss, 4),
      absret_pct_true = round(math.abs(close / last_close - 1) * 100, 5), absret_pct_pred = 0.9,
      up_true = goes_up and 1 or 0, up_prob = round(chance, 4),
    })
  end
  -- What the model leans on, as an explainer reports it each day; the weights swap places when it leans elsewhere.
  local weights = sim:fault "leaning" and { 0.2, 0.3, 0.5 } or { 0.5, 0.3, 0.2 }
  for i, feature in ipairs { "vix_today", "return_5d", "return_1d" } do
    sim:emit("importances", { date = date, feature = feature, weight = round(weights[i] + 0.02 * sim:random(), 4) })
  end
  last_close = close
end

local function ten_minutes_of_service(sim)
  for minute = 10, 1, -1 do
    local slow = sim:fault "slow_api" and 6 or 1
    for _, endpoint in ipairs { "/vix", "/spx" } do
      local fails = sim:fault "errors" and sim:random() < 0.2
      sim:emit("api", {
        ts = sim:ago(minute .. "m"), endpoint = endpoint, status = fails and 503 or 200,
        latency_ms = round((80 + 40 * sim:random()) * (endpoint == "/vix" and slow or 1), 1),
      })
    end
  end
  if sim:fault "restarts" and sim:random() < 0.5 then restarts = restarts + 1 end
  for minute = 10, 2, -4 do
    sim:emit("host", {
      ts = sim:ago(minute .. "m"), up = not sim:fault "down", port_conflict = sim:fault "port_conflict" and true or false,
      cpu = round((sim:fault "busy" and 0.9 or 0.3) + 0.05 * sim:random(), 3),
      memory = round((sim:fault "leak" and 0.97 or 0.4) + 0.02 * sim:random(), 3), restarts_total = restarts,
    })
  end
end

simulator "market" {
  about = "Trading days at 21:00 UTC, the service every ten minutes.",
  step = "10m",
  faults = {
    "nulls", "schema", "stale", "drift", "crisis", "decay", "reversed", "leaning",
    "slow_api", "errors", "down", "port_conflict", "busy", "leak", "restarts",
  },
  each = function(sim)
    if sim.time:sub(12, 16) == "21:00" and sim:business_day "XNYS" then trading_day(sim) end
    if sim:wants "api" or sim:wants "host" then ten_minutes_of_service(sim) end
  end,
}
