-- Drops what has not been seen since, and announces what was dropped.
--
-- ARGV, for each shard:  n  field x n  seen x n
-- A session's `seen` is seen_at placed_at, 13 digits each; a node's is its seen_at, and its name has a TAB in front.

-- The last time a session was seen; of one that is held and has not left, that of its node if it is later.
local function seen_at(record, nodes)
  local seen = sub(record, 1, 13)
  local node = match(record, '^h\t([^\t]*)\t{"held":true', 40)
  local beat = node and call('HGET', nodes, node)
  if beat and sub(beat, 1, 13) > seen then return sub(beat, 1, 13) end
  return seen
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

for k = 1, #KEYS, 4 do
  local sessions, users, nodes, touched = KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
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
    else
      local record = call('HGET', sessions, field)
      drops = is_record(record) and seen_at(record, nodes) <= sub(seen, 1, 13) and sub(record, 27, 39) <= sub(seen, 14)
      if drops then
        call('HDEL', sessions, field)
        unlist(users, field)
      end
    end
    if drops then
      gone[#gone + 1], told[#told + 1] = field, seen
    end
  end
  if #gone > 0 then
    tell(sessions, 'forget', #gone .. '\n' .. concat(gone, '\n') .. '\n' .. concat(told, '\n') .. '\n')
  end
  last = last + 2 * n
end
