-- What a weak table holds differs from run to run.
-- outcome: error
-- says: __mode is not available in a pack
setmetatable({}, { __mode = "k" })
