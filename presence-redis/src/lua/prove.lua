-- Proves a shard's time by writing it, and reads what was announced up to then. Touches that have waited long enough are
-- announced first: whoever proves time does it for everybody. The same as TimeLine in presence-core, which says why.
--
-- ARGV  what time the caller reckons, and the newest time it knows of this shard: milliseconds, 0 for none
--       the blind stretches it knows:  from to from to …
-- Answers  { epoch, master_replid, seq, at, policy, blind };  the id is empty where the server does not tell it. Everything
-- written until `at` has been announced, in messages up to `seq`.
--
-- Fields of the sessions hash: at (the newest time that was written), born (when this life of the shard began), blind.

-- How long touches wait to be announced together.
local PATIENCE = 200
-- Who asks again within this time is answered what stands there: processes share one write.
local SHARED = 200
-- How many stretches are kept.
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

-- Both lists in one: sorted, what overlaps or touches put together, and the oldest two as well where there are too many.
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

-- What somebody else knows. A full list may have put together what is known here one by one.
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

local stands = tonumber(known[3])
local last, born, blind = stands, tonumber(known[4]) or 0, read(known[5] or '')
local changes, has_lost = not stands, false
if not stands and proven == 0 then
  -- Nobody remembers: what is told again counts from here.
  last = math.max(clock, reckoned)
  born, blind = last, { { 0, last } }
elseif not stands then
  last, born, blind, has_lost = proven, proven, theirs, true
elseif proven > 0 and born - proven > SILENCE then
  -- A newcomer made this life of the shard, and here is somebody who knows the one before.
  blind = union(learn(blind, theirs), { { proven, born } })
  born, changes = proven, true
elseif proven > last then
  -- A failover has lost the last answers.
  last, blind, changes, has_lost = proven, learn(blind, theirs), true, true
end

local at = reckon(last, reckoned, clock)
if has_lost or at - last > SILENCE then
  blind, changes = union(blind, { { last, at } }), true
end
-- First of all that is written: what a server that is full still lets through proves nothing.
if changes then
  call('HSET', sessions, '\tat', digits(at), '\tborn', digits(born), '\tblind', written(blind))
elseif at - stands >= SHARED then
  call('HSET', sessions, '\tat', digits(at))
else
  at = stands
end
check(sessions, known[1])

local proves = at
local since = tonumber(call('GETRANGE', touched, 20, 32))
if since then
  if at - since >= PATIENCE or at < since then
    flush(sessions, touched)
  else
    proves = since
  end
end

local said = call('HMGET', sessions, '\tepoch', '\tseq')
return { said[1], replid, said[2], digits(proves), known[2] or policy, written(blind) }
