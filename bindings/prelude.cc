// The Lua half of the sandbox. What loops or calls back into a script is written here and not in C, so that budgets
// count every step, yields cross, and nothing recurses on the C stack. Everything that catches ends in `settle`,
// which raises again when the call was killed. `c` holds the C halves; the chunk returns what base and the three
// libraries offer.
#include "bindings/host_state.h"

namespace tidewatch {

const char* const prelude_text = R"lua(
local c = ...
local error, type, select, rawget, rawset, rawequal = c.error, c.type, c.select, c.rawget, c.rawset, c.rawequal
local raw_pcall, raw_resume, raw_create, raw_yield = c.pcall, c.resume, c.create, c.yield
local settle, enter_resume, leave_resume, leave_wrap = c.settle, c.enter_resume, c.leave_resume, c.leave_wrap
local floor, unpack, metatable_of, plain_text = c.floor, c.unpack, c.metatable_of, c.plain_text
local base, tables, coroutines = {}, {}, {}

-- errors ------------------------------------------------------------------------------------------------------------

local function need_function(f, position, name)
  if type(f) ~= "function" then
    error(name .. "(): argument " .. position .. ": expected a function, got " .. type(f), 3)
  end
end

function base.pcall(f, ...)
  return settle(raw_pcall(f, ...))
end

local function handled(handler, ok, ...)
  if ok then return true, ... end
  local _, answer = settle(raw_pcall(handler, ...))
  return false, answer
end

-- The handler runs after unwinding: inside the hook nothing would stop it.
function base.xpcall(f, handler, ...)
  need_function(handler, 2, "xpcall")
  return handled(handler, settle(raw_pcall(f, ...)))
end

-- coroutines ----------------------------------------------------------------------------------------------------------

function coroutines.create(f)
  need_function(f, 1, "coroutine.create")
  return raw_create(f)
end

function coroutines.resume(thread, ...)
  if type(thread) ~= "thread" then
    error("coroutine.resume(): expected a coroutine, got " .. type(thread), 2)
  end
  enter_resume(thread)
  return leave_resume(raw_resume(thread, ...))
end

function coroutines.wrap(f)
  need_function(f, 1, "coroutine.wrap")
  local thread = raw_create(f)
  return function(...)
    enter_resume(thread)
    return leave_wrap(raw_resume(thread, ...))
  end
end

coroutines.yield, coroutines.status, coroutines.running = raw_yield, c.status, c.running

-- text ----------------------------------------------------------------------------------------------------------------

local function tostring(value)
  local meta = metatable_of(value)
  local own = meta and rawget(meta, "__tostring")
  if own == nil then return plain_text(value) end
  local text = own(value)
  if type(text) ~= "string" then error("__tostring must return a string, got " .. type(text), 2) end
  return text
end
base.tostring = tostring

function base.print(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
  c.emit(c.concat(parts, "\t"))
end

local format = c.format
local texts = {}
function texts.format(pattern, ...)
  local n = select("#", ...)
  for i = 1, n do
    local value = select(i, ...)
    local kind = type(value)
    if kind == "table" or kind == "userdata" then
      local values = { ... }
      for k = i, n do
        kind = type(values[k])
        if kind == "table" or kind == "userdata" then values[k] = tostring(values[k]) end
      end
      return format(pattern, unpack(values, 1, n))
    end
  end
  return format(pattern, ...)
end

-- tables --------------------------------------------------------------------------------------------------------------

local function need_table(t, name)
  if type(t) ~= "table" then
    error(name .. "(): argument 1: expected a table, got " .. (t == nil and "nil" or type(t)), 3)
  end
end

-- Bottom-up merges: stable, and without recursion.
local function merge_sort(t, n, less)
  local from, to, width = t, {}, 1
  while width < n do
    for low = 1, n, 2 * width do
      local middle, high = low + width, low + 2 * width
      if middle > n + 1 then middle = n + 1 end
      if high > n + 1 then high = n + 1 end
      local left, right = low, middle
      for k = low, high - 1 do
        if left < middle and (right >= high or not less(from[right], from[left])) then
          to[k] = from[left]
          left = left + 1
        else
          to[k] = from[right]
          right = right + 1
        end
      end
    end
    from, to, width = to, from, 2 * width
  end
  if not rawequal(from, t) then
    for k = 1, n do t[k] = from[k] end
  end
end

local function ascending(a, b) return a < b end

function tables.sort(t, less)
  need_table(t, "table.sort")
  if less ~= nil then need_function(less, 2, "table.sort") end
  local n = #t
  if n > 1 then
    -- Sorted in a copy: a comparison that raises leaves the table as it was.
    local copy = {}
    for k = 1, n do copy[k] = t[k] end
    merge_sort(copy, n, less or ascending)
    for k = 1, n do t[k] = copy[k] end
  end
end

local function whole(position, name)
  if type(position) ~= "number" or floor(position) ~= position then
    error(name .. "(): argument 2: expected a whole number, got " .. plain_text(position), 3)
  end
  return position
end

function tables.insert(t, ...)
  need_table(t, "table.insert")
  local n, count = #t, select("#", ...)
  if count == 1 then
    t[n + 1] = (...)
    return
  end
  if count ~= 2 then error("table.insert(): expected 2 or 3 arguments, got " .. count + 1, 2) end
  local position, value = ...
  whole(position, "table.insert")
  if position < 1 or position > n + 1 then
    error("table.insert(): position " .. plain_text(position) .. " is outside 1 to " .. n + 1, 2)
  end
  for k = n, position, -1 do t[k + 1] = t[k] end
  t[position] = value
end

function tables.remove(t, position)
  need_table(t, "table.remove")
  local n = #t
  if position == nil then
    if n == 0 then return nil end
    local value = t[n]
    t[n] = nil
    return value
  end
  whole(position, "table.remove")
  if n + 1 == position then
    local value = t[position]
    t[position] = nil
    return value
  end
  if n == 0 and position == 0 then return nil end
  if position < 1 or position > n + 1 then
    error("table.remove(): position " .. plain_text(position) .. " is outside 1 to " .. n + 1, 2)
  end
  local value = t[position]
  for k = position, n - 1 do t[k] = t[k + 1] end
  t[n] = nil
  return value
end

tables.concat, tables.unpack, tables.pack = c.concat, c.unpack, c.pack

-- Numbers, then strings by byte, then booleans: the same in every process. The table may lose and change fields
-- meanwhile; new ones are not visited.
local sorted_keys, key_less = c.sorted_keys, c.key_less
function base.pairs(t)
  local keys, n, sorted, real = sorted_keys(t)
  if not sorted then merge_sort(keys, n, key_less) end
  local i = 0
  return function()
    while i < n do
      i = i + 1
      local key = keys[i]
      local value = rawget(real, key)
      if value ~= nil then return key, value end
    end
  end, t, nil
end

-- modules -------------------------------------------------------------------------------------------------------------

local loaded, loading = {}, {}
function base.require(name)
  if type(name) ~= "string" then error("require(): expected a name, got " .. type(name), 2) end
  local value = loaded[name]
  if value ~= nil then return value end
  if loading[name] then error('require "' .. name .. '": it is being loaded already; the files require each other', 2) end
  local chunk, problem = c.require_load(name)
  if chunk == nil then error(problem, 2) end
  loading[name] = true
  local ok, result = settle(raw_pcall(chunk, name))
  loading[name] = nil
  if not ok then error(result, 0) end
  if result == nil then result = true end
  loaded[name] = result
  return result
end

return base, tables, coroutines, texts
)lua";

}  // namespace tidewatch
