-- id, max_line, max_age_ms, ttl_s, field, value, ... -> place in line, or -1: the line is full.
local id, max_line, max_age_ms, ttl_s = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
if redis.call('EXISTS', SESSION) == 1 then -- a repeated call whose first answer was lost
  return redis.call('ZRANK', LINE, id) or 0
end
if redis.call('ZCARD', LINE) >= max_line then return -1 end

local now = now_ms()
redis.call('HSET', SESSION, unpack(ARGV, 5))
redis.call('HSET', SESSION, 'created_at_ms', now, 'seen_at_ms', now)
redis.call('EXPIRE', SESSION, ttl_s)
redis.call('ZADD', ENDINGS, now + max_age_ms, id)
local last = redis.call('ZRANGE', LINE, -1, -1, 'WITHSCORES')[2]
redis.call('ZADD', LINE, last and math.max(now, last + 1) or now, id)
return redis.call('ZRANK', LINE, id)
