-- Every coroutine loops; on 5.4 each has an instruction count of its own.
-- outcome: budget
while true do
  local thread = coroutine.create(function() while true do end end)
  coroutine.resume(thread)
end
