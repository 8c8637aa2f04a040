-- A coroutine that resumes itself, and one that resumes whoever resumed it.
-- outcome: ok
local thread
thread = coroutine.create(function() return coroutine.resume(thread) end)
local ok, inner = coroutine.resume(thread)
assert(ok and inner == false)
local outer
outer = coroutine.create(function()
  return coroutine.resume(coroutine.create(function() return coroutine.resume(outer) end))
end)
assert(coroutine.resume(outer))
assert(not coroutine.resume(outer))
