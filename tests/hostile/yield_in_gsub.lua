-- Refused by both engines; the callback counter must come back each time.
-- outcome: error
-- says: attempt to yield across
for i = 1, 200 do
  pcall(coroutine.wrap(function() return (("x"):gsub("x", coroutine.yield)) end))
  pcall(string.gsub, "x", "x", error)
end
assert((("x"):gsub("x", function() return "y" end)) == "y")
coroutine.wrap(function() return (("x"):gsub("x", coroutine.yield)) end)()
