-- Errors that carry errors.
-- outcome: budget
local e = {}
while true do
  local ok, got = pcall(error, { inner = e })
  e = { got }
  if #e > 1 then break end
  e = {}
end
