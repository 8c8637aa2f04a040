-- A replacement that multiplies: the result must be refused before it is built.
-- outcome: error
-- says: string.gsub(): the result would be over the limit
return (("x"):rep(100000):gsub("^.*$", ("%0"):rep(100000)))
