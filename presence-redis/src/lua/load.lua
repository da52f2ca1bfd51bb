-- Reads users: their sessions, and the nodes that hold them. Writes nothing.
--
-- ARGV, for each shard:  n  user x n  ''
-- Answers for each shard:  { { field, record, … }, { node, beat, … } }
local all = {}
for k = 1, #KEYS, 5 do
  local sessions, placements, users, nodes = unpack(KEYS, k, k + 3)
  agree(call('HGET', sessions, '\tshards'))
  local n = tonumber(argument())
  local facts, holding, seen = {}, {}, {}
  local listed = call('HMGET', users, unpack(ARGV, last + 1, last + n))
  for i = 1, n do
    local user = ARGV[last + i]
    for id in string.gmatch(listed[i] or '', '[^\t]+') do
      local field = user .. '\t' .. id
      local times = call('HGET', sessions, field)
      if times then
        local placed = call('HGET', placements, field) or ''
        -- What is none of ours goes as it is: the caller sees that.
        facts[#facts + 1], facts[#facts + 2] = field, is_times(times) and sub(times, 1, 26) .. placed or times
        local node = match(placed, '^[^\t]*\t([^\t]*)\t{"held":true', 14)
        if node and not seen[node] then
          seen[node] = true
          local beat = call('HGET', nodes, node)
          if beat then holding[#holding + 1], holding[#holding + 2] = node, beat end
        end
      end
    end
  end
  last = last + n + 1
  all[#all + 1] = { facts, holding }
end
return all
