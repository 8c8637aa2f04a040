-- What is unusual, in one call: `require "tidewatch.anomaly"`, then anomaly.watch("volume", api:count { over = "5m" }).
-- The score is ewma's, with its defaults; an unusual value and what comes within 200 values of it are one event.
local anomaly = {}

local own = { score = true, decay = true, warm = true, event = true, severity = true }

-- name: of the monitor. value: a handle. options, all of them optional:
--   score = 5             how many standard deviations, to either side, are unusual
--   decay, warm           as in handle:ewma
--   event = "10m"         how long after an unusual value the alert stays; needed where values are rows
--   severity = "warning"  or "info", "critical"
-- and any field of a monitor: layer, runbook, labels, every ...
function anomaly.watch(name, value, options)
  options = options or {}
  local score = options.score or 5
  if type(score) ~= "number" or score <= 0 then
    error("anomaly.watch: score: expected a number above 0, got " .. tostring(score), 2)
  end
  local severity = options.severity or "warning"
  if severity ~= "info" and severity ~= "warning" and severity ~= "critical" then
    error("anomaly.watch: severity: expected \"info\", \"warning\" or \"critical\", got " .. tostring(severity), 2)
  end
  local event = options.event
  if event == nil then
    local step = value:step_seconds()
    if not step then
      error("anomaly.watch: the values of this handle are rows, which come when they come: " ..
            "say how long an event is, such as event = \"1 day\"", 2)
    end
    event = string.format("%dms", math.ceil(200 * step * 1000))
  end
  local fields = {
    value = value:ewma { decay = options.decay, warm = options.warm },
    [severity] = outside(-score, score):keep_firing(event),
  }
  for field, given in pairs(options) do
    if not own[field] then fields[field] = given end
  end
  return monitor(name)(fields)
end

return anomaly
