-- An iterator that never ends.
-- outcome: budget
for k in function() return 1 end do end
