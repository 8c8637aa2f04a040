-- The same, with every error caught on the way.
-- outcome: budget ok error
local function f()
  local thread = coroutine.create(f)
  pcall(coroutine.resume, thread)
  return coroutine.resume(coroutine.create(f))
end
f()
