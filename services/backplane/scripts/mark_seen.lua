-- id, ttl_s, '1' when the sign came over the player's connection: the player is there. Nothing
-- happens to a session that is over or gone.
local status = status_of(SESSION)
if status == 'none' or status == 'ended' then return end
local now = now_ms()
redis.call('HSET', SESSION, 'seen_at_ms', now)
if ARGV[3] == '1' then redis.call('HSET', SESSION, 'connected_at_ms', now) end
redis.call('EXPIRE', SESSION, ARGV[2])
