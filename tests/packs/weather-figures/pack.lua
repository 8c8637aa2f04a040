-- Missing values and missing hours of three weather stations, as monitors that never fire; a test reads their values.
local weather = stream "weather" {
  time = "time_hour",
  columns = {
    { "time_hour", "time" }, { "origin", "category" }, { "temp", "number?" }, { "dewp", "number?" },
    { "humid", "number?" }, { "wind_dir", "number?" }, { "wind_speed", "number?" }, { "wind_gust", "number?" },
    { "precip", "number?" }, { "pressure", "number?" }, { "visib", "number?" },
  },
}

local function figure(name, value, every)
  monitor(name) { value = value, every = every or "1 day", info = above(1e12), on_no_data = "ok" }
end

for _, column in ipairs {
  "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib",
} do
  figure("nulls-" .. column, weather:null_rate(column, { over = "365 days", step = "1 day" }))
end
for _, column in ipairs { "wind_dir", "wind_gust", "pressure", "wind_speed" } do
  figure("nulls-of-" .. column, weather:null_rate(column, { over = "365 days", step = "1 day", by = "origin" }))
end
figure("pressure-day", weather:null_rate("pressure", { over = "calendar day" }))
figure("hours", weather:count { over = "1h", by = "origin" }, "1h")
