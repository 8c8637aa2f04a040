-- Keeps every coroutine it makes.
-- outcome: memory
-- context: load
local kept = {}
for i = 1, 1e9 do
  kept[i] = coroutine.create(function() coroutine.yield() end)
  coroutine.resume(kept[i])
end
