-- id, codec, ttl_s: what the player's browser can decode. Nothing happens to a session that is gone.
if status_of(SESSION) == 'none' then return end
redis.call('HSET', SESSION, 'codec', ARGV[2])
redis.call('EXPIRE', SESSION, ARGV[3])
