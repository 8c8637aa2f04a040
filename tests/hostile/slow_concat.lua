-- An operator, so no function of ours stands in between: the allocator charges it.
-- outcome: budget
local s = ("x"):rep(3500000)
while true do local t = s .. s end
