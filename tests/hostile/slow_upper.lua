-- The same for upper and lower.
-- outcome: budget
local s = ("x"):rep(8000000)
while true do s:upper() s:lower() end
