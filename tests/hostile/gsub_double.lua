-- Doubles until the limit of one block.
-- outcome: error
-- says: string.gsub(): the result would be over the limit
local s = "x"
while true do s = s:gsub(".", "xx") end
