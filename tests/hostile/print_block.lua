-- One line beyond the limit of a call.
-- outcome: ok
-- prints: 1
print(("x"):rep(1000000))
