-- The step limit of one call, hit for ever.
-- outcome: budget
local text, pattern = ("a"):rep(40), ("a?"):rep(26) .. ("a"):rep(60)
while true do pcall(string.find, text, pattern) end
