-- A function of the engine: the allocator charges it.
-- outcome: budget memory
local s = ("x"):rep(8000000)
local n = 1
while true do n = n + 1 local t = s:sub(n) end
