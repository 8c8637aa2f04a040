-- Works: sort is Lua.
-- outcome: ok
local thread = coroutine.wrap(function()
  local t = { 3, 1, 2 }
  table.sort(t, function(a, b) coroutine.yield(0) return a < b end)
  return t[1] * 100 + t[2] * 10 + t[3]
end)
local got
repeat got = thread() until got ~= 0
assert(got == 123)
