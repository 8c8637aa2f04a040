-- The refusal happens inside a coroutine that a wrap inside a pcall runs.
-- outcome: memory
-- context: load
pcall(coroutine.wrap(function()
  local t = {}
  for i = 1, 1e9 do t[i] = { i } end
end))
