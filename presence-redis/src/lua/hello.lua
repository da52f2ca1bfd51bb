-- What a new connection must not refuse: that this is no replica, and that the namespace has as many shards as the caller
-- reckons with. Makes the shard if it is not there, so that it says so to whoever comes next.
master()
check(KEYS[1], call('HGET', KEYS[1], '\tshards'))
return 1
