-- Files beside the pack, above it, and through a name with a path in it.
-- outcome: ok
for _, name in ipairs({ "../secret", "/etc/passwd", "..secret", "a..b", "", ".", "a/b", "a\0b", "escape_globals.lua" }) do
  local ok, got = pcall(require, name)
  if ok then error("require " .. name .. " worked") end
  assert(type(got) == "string" and got:find("require", 1, true), name)
end
assert(not pcall(require, ("a"):rep(100000)))
assert(not pcall(require, {}))
