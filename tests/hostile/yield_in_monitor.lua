-- Outside any coroutine there is nobody to yield to.
-- outcome: error
-- says: yield
coroutine.yield(1)
