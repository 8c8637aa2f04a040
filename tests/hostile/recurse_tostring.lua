-- Converting a value to text asks for its text.
-- outcome: error budget memory
local t = setmetatable({}, {})
getmetatable(t).__tostring = function(v) return tostring(v) end
return tostring(t)
