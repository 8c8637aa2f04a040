-- Every road out that plain Lua has.
-- outcome: ok
local roads = {
  function() return os.execute("true") end, function() return io.open("/etc/passwd") end,
  function() return debug.getregistry() end, function() return load("return 1") end,
  function() return loadstring("return 1") end, function() return dofile("/etc/passwd") end,
  function() return loadfile("/etc/passwd") end, function() return package.loadlib("x", "y") end,
  function() return collectgarbage("stop") end, function() return _G.print end,
  function() return getfenv(0) end, function() return setfenv(1, {}) end, function() return newproxy(true) end,
  function() return string.dump(print) end, function() return ffi.C end, function() return jit.on() end,
  function() return rawlen({}) end, function() return module("x") end,
  function() rawset(string, "rep", 1) end, function() string.rep = 1 end, function() print = 1 end,
  function() setmetatable(string, {}) end, function() table.insert(math, 1) end,
}
for i = 1, #roads do
  local ok, got = pcall(roads[i])
  if ok then error("road " .. i .. " is open: " .. tostring(got)) end
  if type(got) ~= "string" or #got < 20 then error("road " .. i .. " says too little: " .. tostring(got)) end
end
for name, value in pairs(string) do
  if type(value) ~= "function" then error("string." .. name .. " is a " .. type(value)) end
end
assert(getmetatable(string) == "string" and rawget(string, "rep") == nil)
