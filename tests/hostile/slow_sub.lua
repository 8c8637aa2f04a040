-- A function of the engine: the allocator charges it.
-- outcome: budget
local s = ("x"):rep(8000000)
while true do local t = s:sub(2) end
