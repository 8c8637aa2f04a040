-- Each call moves 8 MB in what the hook counts as one instruction.
-- outcome: budget
local s = ("x"):rep(8000000)
while true do s:reverse() end
