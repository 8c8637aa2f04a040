-- Memory must be level after the two hundredth refusal.
-- outcome: memory
-- context: load
-- cap: 2
-- calls: 200
local t = {}
for i = 1, 1e9 do t[i] = { i } end
