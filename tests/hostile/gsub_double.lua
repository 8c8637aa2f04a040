-- Doubles until one call takes too many steps.
-- outcome: error
-- says: string.gsub(): the pattern took over
local s = "x"
while true do s = s:gsub(".", "xx") end
