-- Reads a slice of a shard, together with the number of the last message that it includes. Writes nothing.
--
-- ARGV  cursor  count
-- Answers  { seq, next cursor, { field, record, … }, { node, beat, … } };  all nodes come with the first slice.
local sessions, nodes = KEYS[1], KEYS[3]
local cursor, count = argument(), argument()
local slice = call('HSCAN', sessions, cursor, 'COUNT', count)
local beating = cursor == '0' and call('HGETALL', nodes) or {}
return { call('HGET', sessions, '\tseq'), slice[1], slice[2], beating }
