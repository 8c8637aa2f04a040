-- The metatable all strings share.
-- outcome: ok
assert(getmetatable("") == "string")
local ok = pcall(setmetatable, "", {})
assert(not ok)
ok = pcall(function() getmetatable("").__index = {} end)
assert(not ok)
ok = pcall(function() return ("x").__index end)
assert(not ok)
