-- Drops what has not been seen since, and announces what was dropped.
--
-- ARGV, for each shard:  a block of names, with what was seen of each
-- A session's `seen` is seen_at placed_at, 13 digits each; a node's is its seen_at, and its name has a TAB in front.
-- A name without a TAB is a user; what was seen is then the record, which is dropped unless it says more.

-- The last time a session was seen; of one that is held and has not left, that of its node if it is later.
local function seen_at(times, placed, nodes)
  local seen = sub(times, 1, 13)
  local node = match(placed, '^h\t([^\t]*)\t{"held":true', 14)
  local beat = node and call('HGET', nodes, node)
  if beat and sub(beat, 1, 13) > seen then return sub(beat, 1, 13) end
  return seen
end

-- Whether a record says no more than what the caller knows of it.
local function says_no_more(record, known)
  if not record then return false end
  local seen, erased, block = parts_of(record)
  local seen_known, erased_known, block_known = parts_of(known)
  return seen <= seen_known and erased <= erased_known and not greater(block, block_known)
end

-- Takes a session from its user's list.
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
  -- What was touched before this must be heard before this.
  flush(sessions, touched)
  local n = tonumber(argument())
  local gone, told = {}, {}
  for i = 1, n do
    local field, seen = ARGV[last + i], ARGV[last + n + i]
    local drops = false
    if byte(field) == TAB then
      local beat = call('HGET', nodes, sub(field, 2))
      drops = beat and sub(beat, 1, 13) <= seen
      if drops then call('HDEL', nodes, sub(field, 2)) end
    elseif not find(field, '\t', 1, true) then
      drops = says_no_more(call('HGET', records, field), seen)
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
      gone[#gone + 1], told[#told + 1] = field, seen
    end
  end
  if #gone > 0 then
    tell(sessions, 'forget', { #gone, concat(gone, '\n'), concat(told, '\n'), '' }, 1, 4)
  end
  last = last + 2 * n + 1
end
