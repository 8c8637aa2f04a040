-- An operator, so no function of ours stands in between: the allocator charges it.
-- outcome: budget
local s = ("x"):rep(3500000)
local n = 0
while true do n = n + 1 local t = s .. n end
