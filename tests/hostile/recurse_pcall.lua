-- Catches the end of the stack at every level on the way back.
-- outcome: budget ok error memory
local function f()
  pcall(f)
  pcall(f)
end
f()
