-- Ordering the keys happens in C and must be charged.
-- outcome: budget
local t = {}
for i = 1, 40000 do t["k" .. (i * 7919) % 1000003] = i end
while true do for k in pairs(t) do break end end
