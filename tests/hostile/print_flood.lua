-- A hundred lines are kept, the rest is counted.
-- outcome: ok budget
-- prints: 101
for i = 1, 20000 do print(i) end
