-- Added behind setmetatable, in each way there is.
-- context: load
-- outcome: ok
local function refused(f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and message:find("is not available in a pack"), message)
end
for _, name in ipairs { "__mode", "__gc", "__close" } do
  local mt = {}
  setmetatable({}, mt)
  refused(function() mt[name] = "k" end)
  refused(rawset, mt, name, "k")
  -- A metatable with a metatable, set before and after.
  local base = { __index = { a = 1 } }
  local class = setmetatable({}, base)
  setmetatable({}, class)
  refused(function() class[name] = "k" end)
  local other = {}
  setmetatable({}, other)
  setmetatable(other, { __index = base })
  refused(function() other[name] = "k" end)
  setmetatable(other, nil)
  refused(function() other[name] = "k" end)
end
-- What classes do goes on.
local Class = {}
Class.__index = Class
local object = setmetatable({}, Class)
function Class:name() return "named" end
Class.__add = function() return 7 end
assert(object:name() == "named" and object + object == 7)
assert(getmetatable(object) == Class and getmetatable(Class) == nil)
local Special = setmetatable({}, { __index = Class })
Special.__index = Special
assert(setmetatable({}, Special):name() == "named")
function Special:more() return "more" end
assert(setmetatable({}, Special):more() == "more")
local seen = 0
for _ in pairs(Class) do seen = seen + 1 end
assert(seen == 3)
