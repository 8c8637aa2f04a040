-- A callback out of C that calls the same C again.
-- outcome: error
-- says: callbacks are nested deeper than 64
local function f() return (("x"):gsub("x", f)) end
f()
