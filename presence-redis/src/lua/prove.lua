-- Reads a shard's life, the number of its last message, and the time up to which all that was written has been announced.
-- Touches that have waited long enough are announced first: whoever proves time does it for everybody.
--
-- Answers  { epoch, master_replid, seq, at, policy };  the id is empty where the server does not tell it.
local PATIENCE = 200

local sessions, touched = KEYS[1], KEYS[5]
local known = call('HMGET', sessions, '\tshards', '\tpolicy')
check(sessions, known[1])

local at = now()
local since = tonumber(call('GETRANGE', touched, 20, 32))
if since then
  if at - since >= PATIENCE or at < since then
    flush(sessions, touched)
  else
    at = since - 1
  end
end

local told = redis.pcall('INFO', 'replication')
local role = type(told) == 'string' and match(told, 'role:(%w+)')
if role == 'slave' then error('READONLY: this is a replica') end
local replid = role and match(told, 'master_replid:(%w+)') or ''
local said = call('HMGET', sessions, '\tepoch', '\tseq')
return { said[1], replid, said[2], digits(at), known[2] or policy }
