-- Added behind setmetatable, where 5.4 no longer looks; must never run.
-- context: load
-- outcome: ok
for i = 1, 1000 do
  local mt = {}
  setmetatable({}, mt)
  mt.__gc = function() while true do end end
end
for i = 1, 200 do local s = ("x"):rep(100000) .. i end
