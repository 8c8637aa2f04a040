-- Exponential in the engines' own matcher.
-- outcome: error
-- says: took over 1,000,000 steps
return (("a"):rep(40):find(("a?"):rep(26) .. ("a"):rep(60)))
