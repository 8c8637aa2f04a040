-- The same inside the call: the budget holds it.
-- outcome: budget
print(setmetatable({}, { __tostring = function() while true do end end }))
