-- What every script begins with: what it is told of, and how a shard is made, checked and heard.
--
-- KEYS, six for each shard:  sessions  placements  users  nodes  touched  records      (see keys.rs)
-- ARGV[1]  the command that publishes: PUBLISH, or SPUBLISH on a cluster
-- ARGV[2]  how many shards the caller reckons with
-- ARGV[3]  the epoch of a shard that is made now
-- ARGV[4]  milliseconds that a shard's keys stay after the last beat
-- ARGV[5]  the policy of the caller, in words; empty if it does not say
-- What follows belongs to each script, and is read in order. A block is  n  name x n  value x n  ''  : joined by line breaks
-- it is what messages carry, without another look at it.
--
-- What is long is dear: the server's Lua hashes every string that comes into being, byte by byte. This is why times have a
-- hash of their own, and why nothing is joined twice.
--
-- Fields of the sessions hash that begin with a TAB are the shard's own: epoch, shards, seq (the number of the last
-- message), keep (how long its keys stay), policy, and its time: at, born, blind (see prove.lua). No user id begins with one.
local call, concat, unpack = redis.call, table.concat, unpack
local byte, find, match, sub = string.byte, string.find, string.match, string.sub
local publish, shards, fresh, keep_for, policy = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
-- The last argument that was read.
local last = 5

local LEFT, TAB = byte('l'), byte('\t')

local function argument()
  last = last + 1
  return ARGV[last]
end

-- Refuses a shard that says another number of shards than the caller; answers whether it says any.
local function agree(count)
  -- A string: servers before 7 cannot pass on anything else. error.rs knows it by its first word.
  if count and count ~= shards then error('OTHERSHARDS: ' .. count .. ' are in use, not ' .. shards) end
  return count
end

-- The same, and makes the shard if it is not there.
local function check(sessions, count)
  if agree(count) then return end
  call('HSET', sessions, '\tepoch', fresh, '\tshards', shards, '\tseq', 0, '\tkeep', keep_for, '\tpolicy', policy)
  call('PEXPIRE', sessions, keep_for)
end

-- Thirteen digits: an instant, or the number of a message that has waited for it.
local function digits(number)
  return string.format('%013.0f', number)
end

-- Milliseconds since 1970, by the server's clock.
local function now()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- How far time may move from one proof to the next before what lies between is blind, and how far the server's clock may be
-- ahead and is still followed. As in presence-core.
local SILENCE = 3000

-- What time it is in a shard, by the time that was written last, what somebody reckons (0 for nothing) and the server's clock.
local function reckon(last, reckoned, clock)
  local at = math.max(last, reckoned)
  if clock > at and (reckoned == 0 or clock - at <= SILENCE) then return clock end
  return at
end

-- The id of the master's history; empty where the server does not tell it. A replica is refused.
local function master()
  local told = redis.pcall('INFO', 'replication')
  local role = type(told) == 'string' and match(told, 'role:(%w+)')
  if role == 'slave' then error('READONLY: this is a replica') end
  return role and match(told, 'master_replid:(%w+)') or ''
end

-- Which life of a shard it is. Messages name it: the databases of a server share their channels, but not their keys.
local function life(sessions)
  return call('HGET', sessions, '\tepoch') or ''
end

-- Every message has a number, one more than the last: who misses one knows. The channel is what the keys begin with.
local function tell(sessions, kind, lines, from, to)
  local number = call('HINCRBY', sessions, '\tseq', 1)
  lines[from] = number .. ' ' .. kind .. ' ' .. life(sessions) .. '\n' .. lines[from]
  call(publish, sub(sessions, 1, -10), concat(lines, '\n', from, to))
end

-- What waits in `touched` is a message but for its number:  0000000000000 touch INSTANT LIFE  and blocks; the instant is
-- the shard's time, as it was written last, when the oldest of it came.
local function flush(sessions, touched)
  if call('STRLEN', touched) == 0 then return end
  call('SETRANGE', touched, 0, digits(call('HINCRBY', sessions, '\tseq', 1)))
  call(publish, sub(sessions, 1, -10), call('GET', touched))
  call('DEL', touched)
end

-- Whether these are times of ours: seen_at active_at, and an l behind them once the session has left. Anything else counts
-- as nothing.
local function is_times(times)
  return times and (#times == 26 or #times == 27 and byte(times, 27) == LEFT)
end

-- Both times forward, and what stands behind the old ones.
local function later(old, new)
  -- As nearly always: both are later, and nothing stands there.
  if #old == 26 and new > old and sub(new, 14) >= sub(old, 14) then return new end
  local seen, active = sub(old, 1, 13), sub(old, 14, 26)
  if sub(new, 1, 13) > seen then seen = sub(new, 1, 13) end
  if sub(new, 14) > active then active = sub(new, 14) end
  return seen .. active .. sub(old, 27)
end

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

-- An instant that never was.
local NEVER = '0000000000000'

-- The registers of a user's record: seen_at, erased_at, block.
local function parts_of(record)
  local erased = sub(record, 14, 26)
  return sub(record, 1, 13), erased == '' and NEVER or erased, sub(record, 27)
end
