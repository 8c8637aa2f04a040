-- A loop behind an index, an addition and a comparison.
-- outcome: budget
local t = setmetatable({}, {
  __index = function() while true do end end,
  __lt = function() while true do end end,
})
pcall(function() return t < t end)
return t.x
