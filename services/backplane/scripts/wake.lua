-- id, open prefix, session prefix, ttl_s -> 1: at the end of the line; 0: it is not paused; -1: the
-- line of its world is full, or its caller plays and waits with as many sessions as it may.
local id, open_prefix, session_prefix, ttl_s = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if status_of(SESSION) ~= 'paused' then return 0 end
local limits = redis.call('HMGET', SESSION, 'max_line', 'callers', 'max_open', 'world')
local max_queued = tonumber(limits[1] or math.huge)
if is_queue_full(limits[4], max_queued, session_prefix) then return -1 end
if not may_open(limits[2], limits[3], open_prefix, session_prefix, false) then return -1 end

local now = now_ms()
redis.call('HSET', SESSION, 'status', 'queued', 'reason', '', 'seen_at_ms', now)
redis.call('EXPIRE', SESSION, ttl_s)
join_queue(id, now)
return 1
