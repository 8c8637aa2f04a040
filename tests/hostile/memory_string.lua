-- Doubles a string for ever.
-- outcome: memory
-- context: load
local s = "x"
while true do s = s .. s end
