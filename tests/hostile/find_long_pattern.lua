-- Looking whether a long pattern is plain costs its length each time.
-- outcome: budget
local pattern = ("a"):rep(4000000)
while true do ("b"):find(pattern) end
