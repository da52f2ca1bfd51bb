-- Proves a shard's time by writing it, and reads which messages were announced up to that time.
-- Touches that have waited long enough are announced first. The rules are those of TimeLine in
-- presence-core, which explains them.
--
-- ARGV  the time that the caller reckons, and the newest time that it knows of this shard (0: none)
--       the blind stretches that it knows:  from to from to …
-- Returns  { epoch, master_replid, seq, at, policy, blind }.  The id is empty if the server does
-- not report it. Everything written until `at` has been announced, in messages up to `seq`.
--
-- Fields of the sessions hash: at (the newest time that was written), born (when this epoch of the
-- shard began), blind (its blind stretches).

-- How long touches are collected for one announcement.
local ANNOUNCE_AFTER = 200
-- A caller that asks again within this time gets the written time, so that processes share one
-- write.
local SHARE_FOR = 200
-- The maximum number of stretches.
local STRETCHES = 32

local function read(text)
  local list = {}
  for from, to in string.gmatch(text, '(%d+) (%d+)') do
    list[#list + 1] = { tonumber(from), tonumber(to) }
  end
  return list
end

local function written(list)
  local words = {}
  for i, stretch in ipairs(list) do words[i] = digits(stretch[1]) .. ' ' .. digits(stretch[2]) end
  return concat(words, ' ')
end

-- The union of both lists: sorted, with overlapping and adjacent stretches joined. If there are too
-- many, the two oldest are joined as well.
local function union(list, more)
  for _, stretch in ipairs(more) do
    if stretch[2] > stretch[1] then list[#list + 1] = stretch end
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  local all = {}
  for _, stretch in ipairs(list) do
    local newest = all[#all]
    if newest and stretch[1] <= newest[2] then
      newest[2] = math.max(newest[2], stretch[2])
    else
      all[#all + 1] = stretch
    end
  end
  while #all > STRETCHES do
    local oldest = table.remove(all, 1)
    all[1][1] = all[1][1] - (oldest[2] - oldest[1])
  end
  return all
end

-- Merges the stretches that the caller knows into the stored ones. If the caller's list is full,
-- one of its stretches may cover several stored ones, which are then dropped.
local function learn(list, theirs)
  local kept = {}
  for _, stretch in ipairs(list) do
    if #theirs < STRETCHES or stretch[2] > theirs[1][2] then kept[#kept + 1] = stretch end
  end
  return union(kept, theirs)
end

local sessions, touched = KEYS[1], KEYS[5]
local known = call('HMGET', sessions, '\tshards', '\tpolicy', '\tat', '\tborn', '\tblind')
agree(known[1])
local replid = master()
local reckoned, proven, theirs = tonumber(argument()), tonumber(argument()), read(argument())
local clock = now()

local stored = tonumber(known[3])
local last, born, blind = stored, tonumber(known[4]) or 0, read(known[5] or '')
local changes, has_lost = not stored, false
if not stored and proven == 0 then
  -- Neither the shard nor the caller knows a time: the shard's time starts here.
  last = math.max(clock, reckoned)
  born, blind = last, { { 0, last } }
elseif not stored then
  last, born, blind, has_lost = proven, proven, theirs, true
elseif proven > 0 and born - proven > SILENCE then
  -- The process that created this epoch knew no time of the shard. The caller knows the time of the
  -- epoch before.
  blind = union(learn(blind, theirs), { { proven, born } })
  born, changes = proven, true
elseif proven > last then
  -- A failover has lost the last proofs.
  last, blind, changes, has_lost = proven, learn(blind, theirs), true, true
end

local at = reckon(last, reckoned, clock)
if has_lost or at - last > SILENCE then
  blind, changes = union(blind, { { last, at } }), true
end
-- Written before anything else: a server that is out of memory refuses this write, so nothing is
-- proven.
if changes then
  call('HSET', sessions, '\tat', digits(at), '\tborn', digits(born), '\tblind', written(blind))
elseif at - stored >= SHARE_FOR then
  call('HSET', sessions, '\tat', digits(at))
else
  at = stored
end
check(sessions, known[1])

local proves = at
local since = tonumber(call('GETRANGE', touched, 20, 32))
if since then
  if at - since >= ANNOUNCE_AFTER or at < since then
    flush(sessions, touched)
  else
    proves = since
  end
end

local state = call('HMGET', sessions, '\tepoch', '\tseq')
return { state[1], replid, state[2], digits(proves), known[2] or policy, written(blind) }
