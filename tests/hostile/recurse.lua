-- Not a tail call: the Lua stack ends.
-- outcome: error budget memory
local function f(n) return 1 + f(n + 1) end
f(0)
