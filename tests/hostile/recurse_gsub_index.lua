-- The same through a table whose __index is a function.
-- outcome: error
-- says: callbacks are nested deeper than 64
local t = setmetatable({}, {})
getmetatable(t).__index = function() return (("x"):gsub("x", t)) end
return (("x"):gsub("x", t))
