-- A tail call for ever is a loop.
-- outcome: budget
local function f() return f() end
f()
