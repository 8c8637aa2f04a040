-- n times m in the engines: 2 MB searched in 4 MB of the same letter.
-- outcome: budget
local hay, needle = ("a"):rep(4000000), ("a"):rep(2000000) .. "b"
while true do hay:find(needle, 1, true) end
