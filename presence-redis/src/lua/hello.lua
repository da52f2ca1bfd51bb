-- Checks a new connection: the server must not be a replica, and the namespace must have the number
-- of shards that the caller expects. Creates the shard if it does not exist, so that the next
-- caller is checked against it.
master()
check(KEYS[1], call('HGET', KEYS[1], '\tshards'))
return 1
