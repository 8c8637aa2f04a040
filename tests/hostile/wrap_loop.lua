-- Coroutines too short for the hook ever to fire inside one.
-- outcome: budget
while true do
  coroutine.wrap(function() for i = 1, 200 do end end)()
end
