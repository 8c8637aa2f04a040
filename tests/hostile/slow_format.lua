-- Fails after it has read everything.
-- outcome: budget
local s = ("x"):rep(8000000)
while true do pcall(string.format, s .. '%d', {}) end
