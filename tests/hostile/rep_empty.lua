-- Nothing, 10^15 times; then something.
-- outcome: error
-- says: string.rep(): the result would be over the limit
assert((""):rep(1e15) == "")
return ("x"):rep(1e15)
