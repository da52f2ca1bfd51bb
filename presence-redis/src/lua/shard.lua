-- What every script begins with: what it is told of, and how a shard is made, checked and heard.
--
-- KEYS, four for each shard:  sessions  users  nodes  touched      (see keys.rs)
-- ARGV[1]  the command that publishes: PUBLISH, or SPUBLISH on a cluster
-- ARGV[2]  how many shards the caller reckons with
-- ARGV[3]  the epoch of a shard that is made now
-- ARGV[4]  milliseconds that a shard's keys stay after the last beat
-- ARGV[5]  the policy of the caller, in words; empty if it does not say
-- What follows belongs to each script, and is read in order.
--
-- Fields of the sessions hash that begin with a TAB are the shard's own: epoch, shards, seq (the number of the last
-- message), keep (how long its keys stay), policy. No user id begins with one.
local call, concat, unpack = redis.call, table.concat, unpack
local byte, find, match, sub = string.byte, string.find, string.match, string.sub
local publish, shards, fresh, keep_for, policy = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
-- The last argument that was read.
local last = 5

local LEFT, HERE, TAB = byte('l'), byte('h'), byte('\t')

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

-- Every message has a number, one more than the last: who misses one knows. It names the life that it is of: the databases
-- of a server share their channels, but not their keys.
local function tell(sessions, kind, body)
  local seq = call('HINCRBY', sessions, '\tseq', 1)
  local life = call('HGET', sessions, '\tepoch') or ''
  -- The channel is what the keys begin with.
  call(publish, sub(sessions, 1, -10), seq .. ' ' .. kind .. ' ' .. life .. '\n' .. body)
end

-- Announces the touches that wait. The first 13 characters are the time of the oldest.
local function flush(sessions, touched)
  local told = call('GET', touched)
  if not told then return end
  call('DEL', touched)
  tell(sessions, 'touch', sub(told, 14))
end

-- Milliseconds since 1970, by the server's clock.
local function now()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function instant(millis)
  return string.format('%013.0f', millis)
end

-- Whether something of ours stands there; anything else counts as nothing.
local function is_record(record)
  if not record then return false end
  local flag = byte(record, 40)
  return flag == HERE or flag == LEFT
end
