-- Reads users: their sessions, the nodes that hold these, and their records. Writes nothing.
--
-- ARGV, for each shard:  n  user x n  ''
-- Returns for each shard:  { { field, record, … }, { node, beat, … }, { user, record, … } }
local all = {}
for k = 1, #KEYS, 6 do
  local sessions, placements, users, nodes, _, records = unpack(KEYS, k, k + 5)
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
        -- An invalid value is returned unchanged; the caller detects it.
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
  local kept = {}
  for i, record in ipairs(call('HMGET', records, unpack(ARGV, last + 1, last + n))) do
    if record then kept[#kept + 1], kept[#kept + 2] = ARGV[last + i], record end
  end
  last = last + n + 1
  all[#all + 1] = { facts, holding, kept }
end
return all
