-- Moves times forward, and remembers to announce it.
--
-- ARGV, for each shard:  n  field x n  times x n     sessions; times: seen_at active_at, 13 digits each
--                        m  node x m   beat x m      nodes; a node's name has a TAB in front, as in messages
-- Answers with the fields of the sessions that are lacking or have left.
local missed = {}

-- Keeps a block of a message until somebody announces it; answers how much waits.
local function remember(touched, block)
  local length = call('APPEND', touched, block)
  if length == #block then
    call('SET', touched, instant(now()) .. block, 'PX', keep_for)
  end
  return length
end

-- The names and values of a block without those that are `lacking`: to be announced is what was done. A put that overtook
-- the news of a touch which found nothing would be moved by it, elsewhere but not here.
local function without(lacking, n)
  local names, values = {}, {}
  for i = 1, n do
    if not lacking[i] then
      names[#names + 1], values[#values + 1] = ARGV[last + i], ARGV[last + n + i]
    end
  end
  return #names .. '\n' .. concat(names, '\n') .. '\n' .. concat(values, '\n') .. '\n'
end

for k = 1, #KEYS, 4 do
  local sessions, nodes, touched = KEYS[k], KEYS[k + 2], KEYS[k + 3]
  local waits = 0

  local n = tonumber(argument())
  local known = call('HMGET', sessions, '\tshards', unpack(ARGV, last + 1, last + n))
  check(sessions, known[1])
  if n > 0 then
    local moved, size, lacking, lacks = {}, 0, {}, 0
    for i = 1, n do
      local record, times = known[i + 1], ARGV[last + n + i]
      if not is_record(record) then
        missed[#missed + 1] = ARGV[last + i]
        lacking[i], lacks = true, lacks + 1
      else
        if byte(record, 40) == LEFT then missed[#missed + 1] = ARGV[last + i] end
        local old = sub(record, 1, 26)
        if times ~= old then
          local seen, active = sub(old, 1, 13), sub(old, 14)
          if sub(times, 1, 13) > seen then seen = sub(times, 1, 13) end
          if sub(times, 14) > active then active = sub(times, 14) end
          moved[size + 1] = ARGV[last + i]
          moved[size + 2] = seen .. active .. sub(record, 27)
          size = size + 2
        end
      end
    end
    if size > 0 then call('HSET', sessions, unpack(moved, 1, size)) end
    if lacks == 0 then
      waits = remember(touched, n .. '\n' .. concat(ARGV, '\n', last + 1, last + 2 * n) .. '\n')
    elseif lacks < n then
      waits = remember(touched, without(lacking, n))
    end
    last = last + 2 * n
  end

  local m = tonumber(argument())
  if m > 0 then
    for i = 1, m do
      local node, beat = sub(ARGV[last + i], 2), ARGV[last + m + i]
      local known = call('HGET', nodes, node)
      if not known or beat > known then call('HSET', nodes, node, beat) end
    end
    waits = remember(touched, m .. '\n' .. concat(ARGV, '\n', last + 1, last + 2 * m) .. '\n')
    last = last + 2 * m
    -- A beat of a process keeps all that the shard has.
    local keep = tonumber(call('HGET', sessions, '\tkeep'))
    for i = k, k + 2 do call('PEXPIRE', KEYS[i], keep) end
  end

  -- Nobody may be there to ask for it.
  if waits > 65536 then flush(sessions, touched) end
end
return missed
