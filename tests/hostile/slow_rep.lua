-- Builds and drops 8 MB.
-- outcome: budget
local s = ("x"):rep(1)
while true do s:rep(8000000) end
