-- Counts one request in the current window. KEYS[1] the counter; limit, window_s -> seconds to
-- wait, 0: go on.
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
if count <= tonumber(ARGV[1]) then return 0 end
return math.max(1, redis.call('TTL', KEYS[1]))
