-- Reads what a shard says of itself. Writes nothing.
--
-- Answers  { epoch, master_replid, seq, policy };  the id is empty where the server does not tell it, and epoch, seq and
-- policy are nil of a shard that is not there.
local known = call('HMGET', KEYS[1], '\tshards', '\tepoch', '\tseq', '\tpolicy')
agree(known[1])
return { known[2], master(), known[3], known[4] }
