-- Reads users: their sessions, and the nodes that hold them. Writes nothing.
--
-- ARGV, for each shard:  n  user x n
-- Answers for each shard:  { { field, record, … }, { node, beat, … } }
local all = {}
for k = 1, #KEYS, 4 do
  local sessions, users, nodes = KEYS[k], KEYS[k + 1], KEYS[k + 2]
  agree(call('HGET', sessions, '\tshards'))
  local n = tonumber(argument())
  local facts, holding, seen = {}, {}, {}
  local listed = call('HMGET', users, unpack(ARGV, last + 1, last + n))
  for i = 1, n do
    local user = ARGV[last + i]
    for id in string.gmatch(listed[i] or '', '[^\t]+') do
      local field = user .. '\t' .. id
      local record = call('HGET', sessions, field)
      if record then
        facts[#facts + 1], facts[#facts + 2] = field, record
        local node = match(record, '^[^\t]*\t([^\t]*)\t{"held":true', 40)
        if node and not seen[node] then
          seen[node] = true
          local beat = call('HGET', nodes, node)
          if beat then holding[#holding + 1], holding[#holding + 2] = node, beat end
        end
      end
    end
  end
  last = last + n
  all[#all + 1] = { facts, holding }
end
return all
