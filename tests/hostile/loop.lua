-- The plainest runaway.
-- outcome: budget
while true do end
