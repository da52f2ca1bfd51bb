-- Computes the time of a shard, in milliseconds, as the next proof would write it. Writes nothing.
--
-- ARGV  the time that the caller reckons; 0: none
local last = tonumber(call('HGET', KEYS[1], '\tat') or 0)
return digits(reckon(last, tonumber(argument()), now()))
