-- The handler fails as the function did.
-- outcome: budget ok error memory
local function f() xpcall(f, f) error("again") end
f()
