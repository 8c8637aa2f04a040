-- Comparing allocates nothing and calls nothing of ours: it ends at the next hook, ten thousand instructions
-- of up to a millisecond each; the poke ends it sooner.
-- outcome: budget
-- needs: poke
local a = ("x"):rep(3000000) .. "a"
local b = ("x"):rep(3000000) .. "b"
local n = 0
while true do if a < b then n = n + 1 end end
