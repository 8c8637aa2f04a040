-- A table that is its own __index.
-- outcome: error
-- says: loop
local t = {}
setmetatable(t, { __index = t })
getmetatable(t).__index = setmetatable({}, { __index = t })
return t.x
