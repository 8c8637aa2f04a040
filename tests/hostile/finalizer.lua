-- A finalizer would run outside any budget.
-- outcome: error
-- says: __gc is not available in a pack
setmetatable({}, { __gc = function() while true do end end })
