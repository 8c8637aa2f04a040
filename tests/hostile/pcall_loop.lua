-- Catches its own kill and goes on; the kill must not be catchable.
-- outcome: budget
while true do
  pcall(function() while true do end end)
end
