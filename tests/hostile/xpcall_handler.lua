-- A handler that loops would run inside the hook, where nothing stops it.
-- outcome: budget
local function spin() while true do end end
xpcall(spin, spin)
