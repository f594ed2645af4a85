-- id, ttl_s: the player is there. Nothing happens to a session that is over or gone.
local status = status_of(SESSION)
if status == 'none' or status == 'ended' then return end
redis.call('HSET', SESSION, 'seen_at_ms', now_ms())
redis.call('EXPIRE', SESSION, ARGV[2])
