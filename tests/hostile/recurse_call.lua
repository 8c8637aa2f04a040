-- A table called through itself: quadratic inside one instruction of 5.4.
-- outcome: error
-- says: __call
local t = {}
setmetatable(t, { __call = t })
t()
