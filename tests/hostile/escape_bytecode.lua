Lua -- compiled Lua begins with this byte
-- outcome: error
-- says: compiled Lua is refused
