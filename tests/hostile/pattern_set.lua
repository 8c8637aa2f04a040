-- One step of a long set is as long as the set; a million of them must count for more than a million.
-- outcome: error
-- says: took over 1,000,000 steps
local set = "[" .. ("a"):rep(1000000) .. "]"
return (("b"):rep(1000000):find(set .. "x"))
