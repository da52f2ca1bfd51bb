-- Renews sessions and nodes by moving their times forward, and collects these changes for an
-- announcement.
--
-- ARGV, for each shard:  a block of sessions, with their times: seen_at active_at, 13 digits each
--                        a block of nodes, with their beats; the name of a node begins with a TAB
-- Returns the fields of the sessions that are missing or have left.
local missed = {}

-- Adds a block to the message that waits in `touched`; `at` is the shard's last written time.
-- Returns the length of the message.
local function remember(sessions, touched, at, block)
  local length = call('APPEND', touched, block)
  if length == #block then
    local head = digits(0) .. ' touch ' .. digits(at) .. ' ' .. epoch_of(sessions) .. '\n'
    call('SET', touched, head .. block, 'PX', keep_for)
  end
  return length
end

-- The block without the sessions that are `missing`, so that only stored changes are announced.
-- Otherwise the announcement could arrive after a put of the same session, and receivers would
-- change times that the store did not change.
local function without(missing, n)
  local names, values = {}, {}
  for i = 1, n do
    if not missing[i] then
      names[#names + 1], values[#values + 1] = ARGV[last + i], ARGV[last + n + i]
    end
  end
  return #names .. '\n' .. concat(names, '\n') .. '\n' .. concat(values, '\n') .. '\n'
end

for k = 1, #KEYS, 6 do
  local sessions, nodes, touched = KEYS[k], KEYS[k + 3], KEYS[k + 4]
  local waits = 0

  local n = tonumber(argument())
  local known = call('HMGET', sessions, '\tshards', '\tat', unpack(ARGV, last + 1, last + n))
  check(sessions, known[1])
  local at = tonumber(known[2] or 0)
  if n > 0 then
    local moved, size, missing, missing_count = {}, 0, {}, 0
    for i = 1, n do
      local old = known[i + 2]
      if not is_times(old) then
        missed[#missed + 1] = ARGV[last + i]
        missing[i], missing_count = true, missing_count + 1
      else
        if #old > 26 then missed[#missed + 1] = ARGV[last + i] end
        local times = later(old, ARGV[last + n + i])
        if times ~= old then
          moved[size + 1], moved[size + 2] = ARGV[last + i], times
          size = size + 2
        end
      end
    end
    if size > 0 then call('HSET', sessions, unpack(moved, 1, size)) end
    if missing_count == 0 then
      waits = remember(sessions, touched, at, concat(ARGV, '\n', last, last + 2 * n + 1))
    elseif missing_count < n then
      waits = remember(sessions, touched, at, without(missing, n))
    end
  end
  last = last + 2 * n + 1

  local m = tonumber(argument())
  if m > 0 then
    for i = 1, m do
      local node, beat = sub(ARGV[last + i], 2), ARGV[last + m + i]
      local known = call('HGET', nodes, node)
      if not known or beat > known then call('HSET', nodes, node, beat) end
    end
    waits = remember(sessions, touched, at, concat(ARGV, '\n', last, last + 2 * m + 1))
    -- The heartbeat of a process extends the expiry of all keys of the shard.
    local keep = tonumber(call('HGET', sessions, '\tkeep'))
    for i = k, k + 3 do call('PEXPIRE', KEYS[i], keep) end
  end
  last = last + 2 * m + 1

  -- A long message is announced here; usually the next proof of time announces it.
  if waits > 65536 then flush(sessions, touched) end
end
return missed
