-- An __index function that indexes again.
-- outcome: error budget memory
local t = setmetatable({}, {})
getmetatable(t).__index = function(v, k) return v[k .. "x"] end
return t.x
