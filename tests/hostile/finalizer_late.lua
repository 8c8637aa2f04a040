-- Added behind setmetatable, where 5.4 no longer looks; refused all the same.
-- outcome: error
-- says: __gc is not available in a pack
for i = 1, 1000 do
  local mt = {}
  setmetatable({}, mt)
  mt.__gc = function() while true do end end
end
