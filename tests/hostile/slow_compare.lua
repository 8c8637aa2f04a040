-- Comparing allocates nothing and calls nothing of ours: only the poke ends it in time.
-- outcome: budget
-- needs: poke
local a = ("x"):rep(7000000) .. "a"
local b = ("x"):rep(7000000) .. "b"
local n = 0
while true do if a < b then n = n + 1 end end
