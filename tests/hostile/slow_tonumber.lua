-- Reading 8 MB to find that it is no number.
-- outcome: budget
local s = ("x"):rep(8000000)
while true do tonumber(s) tonumber(s, 36) end
