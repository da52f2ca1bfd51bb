-- Reads a slice of a shard, and the number of the last message that it includes. Writes nothing.
--
-- ARGV  cursor  count
-- Returns  { seq, next cursor, { field, times, … }, { placement, … }, { node, beat, … } };  all
-- nodes come with the first slice.
local sessions, placements, nodes = KEYS[1], KEYS[2], KEYS[4]
local cursor, count = argument(), argument()
local slice = call('HSCAN', sessions, cursor, 'COUNT', count)
local placed, fields = {}, {}
for i = 1, #slice[2], 2 do
  fields[#fields + 1] = slice[2][i]
end
-- A slice may be larger than `count`, and a call can have some thousand arguments.
for i = 1, #fields, 1000 do
  for _, placement in ipairs(call('HMGET', placements, unpack(fields, i, math.min(i + 999, #fields)))) do
    placed[#placed + 1] = placement
  end
end
local beating = cursor == '0' and call('HGETALL', nodes) or {}
return { call('HGET', sessions, '\tseq'), slice[1], slice[2], placed, beating }
