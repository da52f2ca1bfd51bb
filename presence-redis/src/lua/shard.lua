-- The common beginning of every script: arguments, and functions on a shard.
--
-- KEYS, six for each shard (see keys.rs):  sessions  placements  users  nodes  touched  records
-- ARGV[1]  the command that publishes: PUBLISH, or SPUBLISH on a cluster
-- ARGV[2]  the number of shards that the caller expects
-- ARGV[3]  the epoch for a shard that is created by this call
-- ARGV[4]  milliseconds that a shard's keys are kept after the last heartbeat
-- ARGV[5]  the policy of the caller as text; may be empty
-- The script's own arguments follow and are read in order. Many scripts take blocks. A block is
-- n  name x n  value x n  ''
-- Joined by line breaks, it is the body of a message.
--
-- Long strings are expensive: the server's Lua hashes every new string byte by byte. Therefore
-- times are in a hash of their own, and no string is joined twice.
--
-- Fields of the sessions hash that begin with a TAB belong to the shard itself: epoch, shards, seq
-- (the number of the last message), keep (how long the keys are kept), policy, and its time: at,
-- born, blind (see prove.lua). No user id begins with a TAB.
local call, concat, unpack = redis.call, table.concat, unpack
local byte, find, match, sub = string.byte, string.find, string.match, string.sub
local publish, shards, fresh, keep_for, policy = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
-- The index of the last argument that was read.
local last = 5

local LEFT, TAB = byte('l'), byte('\t')

local function argument()
  last = last + 1
  return ARGV[last]
end

-- Raises an error if the namespace has another number of shards than the caller expects. Returns
-- `count`, the number that the shard has stored, if the shard exists.
local function agree(count)
  -- The error is a string, because servers before 7 cannot raise anything else. error.rs looks for
  -- its first word.
  if count and count ~= shards then error('OTHERSHARDS: ' .. count .. ' are in use, not ' .. shards) end
  return count
end

-- Does the same as `agree`, and creates the shard if it does not exist.
local function check(sessions, count)
  if agree(count) then return end
  call('HSET', sessions, '\tepoch', fresh, '\tshards', shards, '\tseq', 0, '\tkeep', keep_for, '\tpolicy', policy)
  call('PEXPIRE', sessions, keep_for)
end

-- Formats a number with 13 digits: a time, or the number of a message.
local function digits(number)
  return string.format('%013.0f', number)
end

-- Milliseconds since 1970, by the server's clock.
local function now()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The longest step between two proofs of time that is not a blind stretch. Also the greatest lead
-- of the server's clock that the shard's time follows. The same value as in presence-core.
local SILENCE = 3000

-- The time of a shard, from its last written time, the caller's reckoning (0: none) and the
-- server's clock.
local function reckon(last, reckoned, clock)
  local at = math.max(last, reckoned)
  if clock > at and (reckoned == 0 or clock - at <= SILENCE) then return clock end
  return at
end

-- The replication id of the master; empty if the server does not report it. Raises an error on a
-- replica.
local function master()
  local info = redis.pcall('INFO', 'replication')
  local role = type(info) == 'string' and match(info, 'role:(%w+)')
  if role == 'slave' then error('READONLY: this is a replica') end
  return role and match(info, 'master_replid:(%w+)') or ''
end

-- The epoch of a shard. Messages contain it, because the databases of a server share their
-- channels, but not their keys.
local function epoch_of(sessions)
  return call('HGET', sessions, '\tepoch') or ''
end

-- Publishes a message. Messages are numbered, so that a receiver detects a lost one. The channel is
-- the common prefix of the shard's keys.
local function announce(sessions, kind, lines, from, to)
  local number = call('HINCRBY', sessions, '\tseq', 1)
  lines[from] = number .. ' ' .. kind .. ' ' .. epoch_of(sessions) .. '\n' .. lines[from]
  call(publish, sub(sessions, 1, -10), concat(lines, '\n', from, to))
end

-- Publishes the collected touches. `touched` is a message without its number:
-- 0000000000000 touch TIME EPOCH  and blocks.
-- TIME is the shard's last written time when the oldest block was added.
local function flush(sessions, touched)
  if call('STRLEN', touched) == 0 then return end
  call('SETRANGE', touched, 0, digits(call('HINCRBY', sessions, '\tseq', 1)))
  call(publish, sub(sessions, 1, -10), call('GET', touched))
  call('DEL', touched)
end

-- Whether this is a valid value of the sessions hash: seen_at active_at, followed by an l if the
-- session has left. Any other value counts as missing.
local function is_times(times)
  return times and (#times == 26 or #times == 27 and byte(times, 27) == LEFT)
end

-- The later of each time, with the old suffix.
local function later(old, new)
  -- The usual case: both times are later, and there is no suffix.
  if #old == 26 and new > old and sub(new, 14) >= sub(old, 14) then return new end
  local seen, active = sub(old, 1, 13), sub(old, 14, 26)
  if sub(new, 1, 13) > seen then seen = sub(new, 1, 13) end
  if sub(new, 14) > active then active = sub(new, 14) end
  return seen .. active .. sub(old, 27)
end

-- Whether `a` is greater, byte by byte. Lua compares strings by the server's locale, so this
-- compares bytes. Only digits have the same order in every locale: the 13 in front are compared
-- first, since they usually differ.
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

-- The value of a time that is not set.
local NEVER = '0000000000000'

-- The three parts of a user's record: seen_at, erased_at, block.
local function parts_of(record)
  local erased = sub(record, 14, 26)
  return sub(record, 1, 13), erased == '' and NEVER or erased, sub(record, 27)
end
