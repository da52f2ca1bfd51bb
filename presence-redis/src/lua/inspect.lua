-- Reads the description of a shard. Writes nothing.
--
-- Returns  { epoch, master_replid, seq, policy }.  The id is empty if the server does not report
-- it. The others are nil if the shard does not exist.
local known = call('HMGET', KEYS[1], '\tshards', '\tepoch', '\tseq', '\tpolicy')
agree(known[1])
return { known[2], master(), known[3], known[4] }
