-- Deletes sessions, nodes and user records that have not changed since the caller saw them, and
-- announces the deletions.
--
-- ARGV, for each shard:  a block of names, with the state that the caller saw
-- For a session the state is seen_at placed_at, 13 digits each. For a node it is its seen_at, and
-- its name has a TAB in front. A name without a TAB is a user; the state is the user's record,
-- which is deleted if the stored one contains nothing newer.

-- The time when a session was last seen. If it is held and has not left, this is the time of its
-- node if that is later.
local function seen_at(times, placed, nodes)
  local seen = sub(times, 1, 13)
  local node = match(placed, '^h\t([^\t]*)\t{"held":true', 14)
  local beat = node and call('HGET', nodes, node)
  if beat and sub(beat, 1, 13) > seen then return sub(beat, 1, 13) end
  return seen
end

-- Whether a stored record contains nothing newer than what the caller knows.
local function is_covered(record, known)
  if not record then return false end
  local seen, erased, block = parts_of(record)
  local seen_known, erased_known, block_known = parts_of(known)
  return seen <= seen_known and erased <= erased_known and not greater(block, block_known)
end

-- Removes a session from the list of its user.
local function unlist(users, field)
  local user, id = match(field, '^([^\t]*)\t(.*)$')
  local rest = {}
  for other in string.gmatch(call('HGET', users, user) or '', '[^\t]+') do
    if other ~= id then rest[#rest + 1] = other end
  end
  if #rest == 0 then
    call('HDEL', users, user)
  else
    call('HSET', users, user, concat(rest, '\t'))
  end
end

for k = 1, #KEYS, 6 do
  local sessions, placements, users, nodes, touched, records = unpack(KEYS, k, k + 5)
  check(sessions, call('HGET', sessions, '\tshards'))
  -- Touches that were stored before must be announced first.
  flush(sessions, touched)
  local n = tonumber(argument())
  local dropped, states = {}, {}
  for i = 1, n do
    local field, seen = ARGV[last + i], ARGV[last + n + i]
    local drops = false
    if byte(field) == TAB then
      local beat = call('HGET', nodes, sub(field, 2))
      drops = beat and sub(beat, 1, 13) <= seen
      if drops then call('HDEL', nodes, sub(field, 2)) end
    elseif not find(field, '\t', 1, true) then
      drops = is_covered(call('HGET', records, field), seen)
      if drops then call('HDEL', records, field) end
    else
      local times, placed = call('HGET', sessions, field), call('HGET', placements, field) or ''
      drops = is_times(times) and seen_at(times, placed, nodes) <= sub(seen, 1, 13) and sub(placed, 1, 13) <= sub(seen, 14)
      if drops then
        call('HDEL', sessions, field)
        call('HDEL', placements, field)
        unlist(users, field)
      end
    end
    if drops then
      dropped[#dropped + 1], states[#states + 1] = field, seen
    end
  end
  if #dropped > 0 then
    announce(sessions, 'forget', { #dropped, concat(dropped, '\n'), concat(states, '\n'), '' }, 1, 4)
  end
  last = last + 2 * n + 1
end
