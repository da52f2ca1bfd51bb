-- Drops the history of a channel. Its idempotency keys name an incarnation that is not used again,
-- and expire.
--
-- KEYS[1]  log     KEYS[2]  meta
return redis.call('DEL', KEYS[1], KEYS[2])
