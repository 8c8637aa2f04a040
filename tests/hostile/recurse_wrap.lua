-- Each level takes C stack: LuaJIT ends in a signal without the counter.
-- outcome: error
-- says: coroutines are nested deeper than 64
local function f() return coroutine.wrap(f)() end
f()
