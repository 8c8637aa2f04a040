-- A range no table has.
-- outcome: error
-- says: table.concat()
return table.concat({}, "", -1e300, 1e300)
