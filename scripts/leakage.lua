-- Features that know the outcome: `require "tidewatch.leakage"`, then
--   leakage.watch("loans", judged, { columns = { "amount", "months" }, actual = "defaulted", over = "30 days" })
-- on a joined stream. Nothing honest tells an outcome at 0.98; what does was computed after the fact. Three monitors:
--   NAME-column   critical: a column alone tells the outcome above `limit`, at 200 pairs or more; `text` names it
--   NAME-labels   critical: a label is older than its prediction, by more than the join's `early`
--   NAME-score    warning: the model itself is above `limit` (given `score`): a feature inside it may leak
local leakage = {}

local own = { columns = true, actual = true, over = true, step = true, score = true, positive = true, limit = true }

-- name: what the monitors' names begin with. judged: a joined stream. options:
--   columns, actual, over   as in judged:leakage
--   score                   the model's own score column, for NAME-score
--   limit = 0.98            step, positive: as in the metrics
-- and any field of a monitor, for all of them: layer, runbook, labels, every ...
function leakage.watch(name, judged, options)
  options = options or {}
  for _, needed in ipairs { "columns", "actual", "over" } do
    if options[needed] == nil then
      error("leakage.watch: " .. needed .. " is missing, as in { columns = { \"amount\" }, actual = \"defaulted\", " ..
            "over = \"30 days\" }", 2)
    end
  end
  local limit = options.limit or 0.98
  if type(limit) ~= "number" or limit <= 0.5 or limit >= 1 then
    error("leakage.watch: limit: expected a number between 0.5 and 1, got " .. tostring(limit), 2)
  end
  local function watch(suffix, fields)
    for field, given in pairs(options) do
      if not own[field] then fields[field] = given end
    end
    return monitor(name .. suffix)(fields)
  end
  watch("-column", {
    value = judged:leakage {
      columns = options.columns, actual = options.actual, over = options.over, step = options.step,
      positive = options.positive, min_n = 200,
    },
    critical = above(limit),
  })
  watch("-labels", {
    inputs = { labels = judged:coverage { over = options.over, step = options.step } },
    when = function(m)
      if (m.labels.leaked or 0) > 0 then
        return critical("%d labels are older than their predictions", m.labels.leaked)
      end
    end,
  })
  if options.score then
    watch("-score", {
      value = judged:auc(options.score, options.actual, {
        over = options.over, step = options.step, positive = options.positive, min_n = 200,
      }),
      warning = above(limit),
    })
  end
end

return leakage
