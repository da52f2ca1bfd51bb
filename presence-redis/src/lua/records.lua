-- Reads a slice of a shard's user records, and the number of the last message that it includes.
-- Writes nothing.
--
-- ARGV  cursor  count
-- Returns  { seq, next cursor, { user, record, … } }
local slice = call('HSCAN', KEYS[6], argument(), 'COUNT', argument())
return { call('HGET', KEYS[1], '\tseq'), slice[1], slice[2] }
