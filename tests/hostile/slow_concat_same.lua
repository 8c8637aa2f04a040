-- LuaJIT finds the result among the strings it has: nothing is allocated, so only the poke ends it in time.
-- outcome: budget
-- needs: poke
local s = ("x"):rep(1200000)
while true do local t = s .. s end
