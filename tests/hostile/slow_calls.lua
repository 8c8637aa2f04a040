-- Every C call that is long, one after the other, on 8 MB.
-- outcome: budget
local s = ("x"):rep(8000000)
local other = s:sub(1, -2) .. "y"
local n = 0
while true do
  n = n + 1
  local t = s:reverse()
  t = pcall(function() return s .. "y" end)
  t = s:upper()
  t = tonumber(s)
  t = pcall(string.format, "%s", s)
  t = s < other
end
