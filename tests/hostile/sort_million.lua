-- One C call of half a second in the engines; here the budget counts inside it.
-- outcome: budget
-- within: 100
local t = {}
for i = 1, 500000 do t[i] = (i * 7919) % 1000003 end
table.sort(t)
