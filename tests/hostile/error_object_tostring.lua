-- Whoever prints this error object outside a budget hangs.
-- outcome: error
-- says: error value: table
error(setmetatable({}, { __tostring = function() while true do end end }))
