-- Stores an event and announces it.
--
-- KEYS[3]  stores which event used the idempotency key; absent if the message has none
-- ARGV[7]  the commands that announce, and ARGV[8] the channel
-- ARGV[9]  milliseconds to remember the key, independently of the event; 0: as long as the event is
--          stored
-- ARGV[10] the caller's key
-- ARGV[11] 1 for the last event
-- ARGV[12] the payload
-- ARGV[13] the incarnation and ARGV[14] the number of the newest event that the caller knows; both
--          empty if none
-- ARGV[15] the channel of foreign services for the payload; empty: none
-- ARGV[16] a suffix for their message
--
-- Returns  outcome  incarnation  number.
local commands, channel, remember, key = ARGV[7], ARGV[8], tonumber(ARGV[9]), ARGV[10]
local is_last, payload = ARGV[11], ARGV[12]

if not inc then
  call('DEL', log)
  inc, last, total, trimmed, closed = fresh, 0, 0, 0, false
  call('HSET', meta, 'inc', inc)
elseif ARGV[13] == inc then
  local seen = tonumber(ARGV[14])
  if seen > last or seen > trimmed and seen ~= last and not stored(seen) then change_incarnation(commands, channel) end
end

local note = KEYS[3]
if note then
  local used, number = string.match(call('GET', note) or '', '^(%x+) (%d+)$')
  if used == inc then return { 'repeated', inc, number } end
end
if closed then return { 'closed', inc, closed } end

local number = math.max(now, last + 1)
call('XADD', log, digits(number) .. '-0', 's', digits(total), 'k', remember == 0 and key or '', 'l', is_last, 'p', payload)
total = total + #payload
call('HSET', meta, 'last', digits(number), 'total', digits(total))
if is_last == '1' then call('HSET', meta, 'closed', digits(number)) end
trim()
call('PEXPIRE', log, age)
call('PEXPIRE', meta, age)
if note then
  call('SET', note, inc .. ' ' .. digits(number), 'PX', remember > 0 and remember or math.max(age, keys_for))
end

announce(commands, channel,
  'event ' .. inc .. ' ' .. digits(number) .. ' ' .. digits(last) .. ' ' .. is_last .. '\n' .. payload)
if ARGV[15] ~= '' then call('PUBLISH', ARGV[15], payload .. ARGV[16]) end
return { 'stored', inc, digits(number) }
