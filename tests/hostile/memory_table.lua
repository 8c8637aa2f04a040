-- Fills a table for ever.
-- outcome: memory
-- context: load
local t = {}
for i = 1, 1e9 do t[i] = { i } end
