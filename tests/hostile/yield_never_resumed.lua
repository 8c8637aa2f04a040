-- Coroutines left hanging are collected, killed ones cannot be resumed.
-- outcome: ok
for i = 1, 2000 do
  local thread = coroutine.wrap(function() pcall(coroutine.yield, i) end)
  thread()
end
