-- Merges records of users into the stored ones, and announces them.
--
-- ARGV, for each shard:  a block of users, with their records
--
-- A record is  seen_at  or  seen_at erased_at block, see codec.rs. Each time has 13 digits. Of two
-- blocks, the greater string wins.

-- Longer than any record is needed. In contrast to sessions, records must be kept while all
-- processes are stopped.
local KEEP_RECORDS = 100 * 24 * 3600 * 1000

local function merge(old, new)
  if not old or old == new then return new end
  local seen, erased, block = parts_of(old)
  local seen_new, erased_new, block_new = parts_of(new)
  if seen_new > seen then seen = seen_new end
  if erased_new > erased then erased = erased_new end
  if greater(block_new, block) then block = block_new end
  if erased >= seen then seen = NEVER end
  if erased == NEVER and block == '' then return seen end
  return seen .. erased .. block
end

for k = 1, #KEYS, 6 do
  local sessions, records = KEYS[k], KEYS[k + 5]
  local n = tonumber(argument())
  check(sessions, call('HGET', sessions, '\tshards'))
  local known = call('HMGET', records, unpack(ARGV, last + 1, last + n))
  local stored = {}
  for i = 1, n do
    local merged = merge(known[i], ARGV[last + n + i])
    if merged ~= known[i] then stored[#stored + 1], stored[#stored + 2] = ARGV[last + i], merged end
  end
  if #stored > 0 then
    call('HSET', records, unpack(stored))
    call('PEXPIRE', records, KEEP_RECORDS)
  end
  announce(sessions, 'remember', ARGV, last, last + 2 * n + 1)
  last = last + 2 * n + 1
end
