-- Merges sessions into what is known of them, and announces them.
--
-- ARGV, for each shard:  longest   milliseconds of the longest lease among them
--                        n  field x n  record x n
--
-- A record is  times(26) placement TAB declared, see codec.rs; placement has two TABs itself. Each of the three merges by
-- itself: times forward, of the others the greater string wins.

-- Whether `a` is the greater string, byte by byte. Lua's own comparison follows the server's locale, in which only digits
-- are safe; the instants in front decide nearly always.
local function greater(a, b)
  if a == b then return false end
  local x, y = sub(a, 1, 13), sub(b, 1, 13)
  if x ~= y then return x > y end
  for i = 14, math.min(#a, #b) do
    local p, q = byte(a, i), byte(b, i)
    if p ~= q then return p > q end
  end
  return #a > #b
end

local PARTS = '^([^\t]*\t[^\t]*\t[^\t]*)\t(.*)$'

local function merge(old, new)
  local seen, active = sub(old, 1, 13), sub(old, 14, 26)
  if sub(new, 1, 13) > seen then seen = sub(new, 1, 13) end
  if sub(new, 14, 26) > active then active = sub(new, 14, 26) end
  local placement, declared = match(old, PARTS, 27)
  local placement_new, declared_new = match(new, PARTS, 27)
  -- Not ours after all.
  if not placement then return new end
  if greater(placement_new, placement) then placement = placement_new end
  if greater(declared_new, declared) then declared = declared_new end
  return seen .. active .. placement .. '\t' .. declared
end

-- Notes that a user has a session.
local function index(users, field)
  local user, id = match(field, '^([^\t]*)\t(.*)$')
  if call('HSETNX', users, user, id) == 1 then return end
  local ids = call('HGET', users, user)
  if not find('\t' .. ids .. '\t', '\t' .. id .. '\t', 1, true) then
    call('HSET', users, user, ids .. '\t' .. id)
  end
end

for k = 1, #KEYS, 4 do
  local sessions, users = KEYS[k], KEYS[k + 1]
  local longest, n = tonumber(argument()), tonumber(argument())
  local known = call('HMGET', sessions, '\tshards', '\tkeep', unpack(ARGV, last + 1, last + n))
  check(sessions, known[1])
  local keep = tonumber(known[2] or 0)
  if keep < longest + keep_for then
    keep = longest + keep_for
    call('HSET', sessions, '\tkeep', keep)
  end

  local stored, size = {}, 0
  for i = 1, n do
    local field, old, record = ARGV[last + i], known[i + 2], ARGV[last + n + i]
    if is_record(old) then
      record = merge(old, record)
    else
      index(users, field)
    end
    if record ~= old then
      stored[size + 1], stored[size + 2] = field, record
      size = size + 2
    end
  end
  if size > 0 then call('HSET', sessions, unpack(stored, 1, size)) end
  for i = k, k + 2 do call('PEXPIRE', KEYS[i], keep) end
  tell(sessions, 'put', n .. '\n' .. concat(ARGV, '\n', last + 1, last + 2 * n) .. '\n')
  last = last + 2 * n
end
