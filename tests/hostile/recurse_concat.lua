-- Operators that use themselves.
-- outcome: error budget memory
local t = setmetatable({}, {})
getmetatable(t).__concat = function(a, b) return a .. b end
getmetatable(t).__eq = function(a, b) return a == setmetatable({}, getmetatable(t)) end
return t .. t
