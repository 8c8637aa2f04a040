-- LuaJIT finds the result among the strings it has: nothing is allocated, so it ends at the next hook.
-- outcome: budget
-- needs: poke
-- within: 3900
local s = ("x"):rep(1200000)
while true do local t = s .. s end
