-- The same through format and print.
-- outcome: error budget memory
local t = setmetatable({}, {})
getmetatable(t).__tostring = function(v)
  print(v)
  return string.format("%s", v)
end
return tostring(t)
