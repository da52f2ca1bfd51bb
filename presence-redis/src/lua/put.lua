-- Merges sessions into the stored ones, and announces them.
--
-- ARGV, for each shard:  longest   milliseconds of the longest lease among the sessions
--                        a block of sessions, with their records
--
-- A record is  times(26) placement TAB declared, see codec.rs; placement itself contains two TABs.
-- Its parts are merged separately: of each time, the later one wins; of two placements and of two
-- declarations, the greater string wins.

local PARTS = '^([^\t]*\t[^\t]*\t[^\t]*)\t(.*)$'

-- Merges placement and declaration.
local function merge(old, new)
  if old == new then return old end
  -- The usual case: the new placement is later, and nothing was declared.
  if byte(old, -1) == TAB and sub(new, 1, 13) > sub(old, 1, 13) then return new end
  local placement, declared = match(old, PARTS)
  local placement_new, declared_new = match(new, PARTS)
  -- Not a valid record.
  if not placement then return new end
  if greater(placement_new, placement) then placement = placement_new end
  if greater(declared_new, declared) then declared = declared_new end
  return placement .. '\t' .. declared
end

-- Adds a session to the list of its user.
local function index(users, field)
  local user, id = match(field, '^([^\t]*)\t(.*)$')
  if call('HSETNX', users, user, id) == 1 then return end
  local ids = call('HGET', users, user)
  if not find('\t' .. ids .. '\t', '\t' .. id .. '\t', 1, true) then
    call('HSET', users, user, ids .. '\t' .. id)
  end
end

for k = 1, #KEYS, 6 do
  local sessions, placements, users = KEYS[k], KEYS[k + 1], KEYS[k + 2]
  local longest, n = tonumber(argument()), tonumber(argument())
  local known = call('HMGET', sessions, '\tshards', '\tkeep', unpack(ARGV, last + 1, last + n))
  check(sessions, known[1])
  local placed = call('HMGET', placements, unpack(ARGV, last + 1, last + n))
  local keep = tonumber(known[2] or 0)
  if keep < longest + keep_for then
    keep = longest + keep_for
    call('HSET', sessions, '\tkeep', keep)
  end

  local moved, stored = {}, {}
  for i = 1, n do
    local field, record, old, rest_old = ARGV[last + i], ARGV[last + n + i], known[i + 2], placed[i]
    local times, rest = sub(record, 1, 26), sub(record, 27)
    if is_times(old) and rest_old then
      times, rest = later(sub(old, 1, 26), times), merge(rest_old, rest)
    else
      index(users, field)
    end
    if byte(rest, 14) == LEFT then times = times .. 'l' end
    if times ~= old then moved[#moved + 1], moved[#moved + 2] = field, times end
    if rest ~= rest_old then stored[#stored + 1], stored[#stored + 2] = field, rest end
  end
  if #moved > 0 then call('HSET', sessions, unpack(moved)) end
  if #stored > 0 then call('HSET', placements, unpack(stored)) end
  for i = k, k + 3 do call('PEXPIRE', KEYS[i], keep) end
  announce(sessions, 'put', ARGV, last, last + 2 * n + 1)
  last = last + 2 * n + 1
end
