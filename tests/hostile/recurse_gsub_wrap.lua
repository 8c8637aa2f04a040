-- Callbacks and coroutines in turn.
-- outcome: error
-- says: nested deeper than 64
local function f() return (("x"):gsub("x", function() return coroutine.wrap(f)() end)) end
f()
