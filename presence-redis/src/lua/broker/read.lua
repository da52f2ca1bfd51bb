-- Reads a page of history.
--
-- ARGV[7]   the commands that announce, and ARGV[8] the channel
-- ARGV[9]   where the page begins: beginning, after, head or last
-- ARGV[10]  the incarnation and ARGV[11] the number of the event before the page; for `last`,
--           ARGV[11] is the number of events to read. With `head` the caller has seen the event
--           before the page: if it is missing, the server has lost its newest events.
-- ARGV[12]  the maximum number of events and ARGV[13] the maximum bytes of the page
--
-- Returns  incarnation  position  missed  more, and for each event  number  last  payload.
local commands, channel, from = ARGV[7], ARGV[8], ARGV[9]
local most_events, most_page = tonumber(ARGV[12]), tonumber(ARGV[13])

if not inc then
  return { '', '0', (from == 'after' or from == 'head') and 'incarnation' or '', 0 }
end
trim()

local missed, start = '', '-'
if from == 'beginning' then
  if trimmed > 0 then missed = 'trimmed' end
elseif from == 'last' then
  local count = tonumber(ARGV[11])
  local length = call('XLEN', log)
  if count == 0 then
    start = '(' .. digits(last)
  elseif count < length then
    local newest = call('XREVRANGE', log, '+', '-', 'COUNT', count)
    start = newest[#newest][1]
  end
else
  local number = tonumber(ARGV[11])
  if ARGV[10] ~= inc then
    missed = 'incarnation'
  elseif number < trimmed then
    missed = 'trimmed'
  elseif number ~= trimmed and number ~= last and (number > last or not stored(number)) then
    missed = 'incarnation'
    if from == 'head' then change_incarnation(commands, channel) end
  else
    start = '(' .. ARGV[11]
  end
end

local answer = { inc, digits(last), missed, 0 }
local events, bytes = 0, 0
while true do
  local entries = call('XRANGE', log, start, '+', 'COUNT', 16)
  for i = 1, #entries do
    local payload = field(entries[i], 'p')
    if events == most_events or events > 0 and bytes + #payload > most_page then
      answer[4] = 1
      return answer
    end
    local number = digits(number_of(entries[i]))
    events, bytes = events + 1, bytes + #payload
    local at = #answer
    answer[2], answer[at + 1], answer[at + 2], answer[at + 3] = number, number, field(entries[i], 'l'), payload
  end
  if #entries < 16 then return answer end
  start = '(' .. entries[16][1]
end
