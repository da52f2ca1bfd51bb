-- What time it is in a shard, in milliseconds: what the next proof would come to. Writes nothing.
--
-- ARGV  what time the caller reckons, 0 if it reckons none
local last = tonumber(call('HGET', KEYS[1], '\tat') or 0)
return digits(reckon(last, tonumber(argument()), now()))
