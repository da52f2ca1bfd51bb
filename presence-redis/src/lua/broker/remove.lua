-- Deletes the history of a channel. Its idempotency keys expire later. They have no effect, since
-- they contain an incarnation that is not used again.
--
-- KEYS[1]  log     KEYS[2]  meta
return redis.call('DEL', KEYS[1], KEYS[2])
