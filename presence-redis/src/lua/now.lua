-- The time of the server that holds a shard: { seconds, microseconds }.
return call('TIME')
