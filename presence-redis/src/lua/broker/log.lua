-- The common beginning of the broker's scripts: the keys of a channel, and the limits of its
-- history.
--
-- KEYS[1]  log   STREAM: one entry per event; its id is the event's number, a dash and a zero.
--                Fields, in this order:
--                s  bytes of payload in all events before it
--                k  its idempotency key, or nothing
--                l  1 for the last event of the channel
--                p  the payload
-- KEYS[2]  meta  HASH:
--                inc      incarnation
--                last     number of the newest event ever
--                total    bytes of payload in all events ever
--                trimmed  number of the newest event that was dropped
--                closed   number of the event that closed the channel
-- ARGV[1]  a new incarnation, in case one is needed
-- ARGV[2]  age of a history, in milliseconds
-- ARGV[3]  maximum number of events
-- ARGV[4]  maximum bytes of payload
-- ARGV[5]  minimum time in milliseconds that an idempotency key is remembered
-- ARGV[6]  the prefix of this channel's idempotency keys
--
-- An event's number is the server's time in microseconds, or one more than the last number if that
-- is greater. So a server that has lost its newest events does not use their numbers again. Both
-- keys expire together, an age after the newest event.
local call = redis.call
local log, meta = KEYS[1], KEYS[2]
local fresh, age, most, most_bytes, keys_for, prefix =
  ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]

local time = call('TIME')
local now = time[1] * 1000000 + time[2]

local known = call('HMGET', meta, 'inc', 'last', 'total', 'trimmed', 'closed')
local inc = known[1]
local last, total, trimmed = tonumber(known[2] or 0), tonumber(known[3] or 0), tonumber(known[4] or 0)
local closed = known[5]

local function digits(number)
  return string.format('%.0f', number)
end

local function number_of(entry)
  return tonumber(string.match(entry[1], '^%d+'))
end

local function field(entry, name)
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
  return ''
end

-- Whether this event is still stored.
local function stored(number)
  return #call('XRANGE', log, digits(number), digits(number), 'COUNT', 1) > 0
end

-- Drops the oldest events that exceed the limits. Their idempotency keys are remembered for a while
-- longer.
local function trim()
  local before = trimmed
  local length = call('XLEN', log)
  while length > 0 do
    local entry = call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    local number = number_of(entry)
    local old = number <= now - age * 1000
    if not old and length <= most and total - tonumber(field(entry, 's')) <= most_bytes then break end
    local key = field(entry, 'k')
    if key ~= '' then
      local left = keys_for - math.floor((now - number) / 1000)
      if left > 0 then call('PEXPIRE', prefix .. key, left) else call('DEL', prefix .. key) end
    end
    call('XDEL', log, entry[1])
    trimmed, length = number, length - 1
  end
  if trimmed ~= before then call('HSET', meta, 'trimmed', digits(trimmed)) end
end

-- Publishes a message to the subscribers of the channel.
local function announce(commands, channel, message)
  for command in string.gmatch(commands, '%S+') do
    call(command, channel, message)
  end
end

-- Gives the history a new incarnation, after its newest events were lost.
local function change_incarnation(commands, channel)
  inc = fresh
  call('HSET', meta, 'inc', inc)
  announce(commands, channel, 'turn\n')
end
