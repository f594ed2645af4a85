-- id, max_queued, max_age_ms, ttl_s, max_bytes, session_bytes, callers, max_open, open prefix,
-- session prefix, field, value, ... -> place in line, or why not: -1 the world's line is full, -2 the caller has enough open
-- sessions, -3 the bytes of visitors are used up.
local id, max_queued, max_age_ms, ttl_s = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local max_bytes, session_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local callers, max_open, open_prefix, session_prefix = ARGV[7], ARGV[8], ARGV[9], ARGV[10]
if redis.call('EXISTS', SESSION) == 1 then -- a repeated call whose first answer was lost
  return redis.call('ZRANK', QUEUE, id) or 0
end
if not may_open(callers, max_open, open_prefix, session_prefix, true) then return -2 end
local world
for i = 11, #ARGV, 2 do
  if ARGV[i] == 'world' then world = ARGV[i + 1] end
end
if is_queue_full(world, max_queued, session_prefix) then return -1 end
if not has_room(promised(session_bytes) + session_bytes, max_bytes) then return -3 end

local now = now_ms()
redis.call('HSET', SESSION, unpack(ARGV, 11))
redis.call('HSET', SESSION, 'created_at_ms', now, 'seen_at_ms', now, 'callers', callers,
  'max_open', max_open, 'max_line', max_queued, 'max_age_ms', max_age_ms)
redis.call('EXPIRE', SESSION, ttl_s)
for who in each_caller(callers) do
  redis.call('SADD', open_prefix .. who, id)
  redis.call('PEXPIRE', open_prefix .. who, max_age_ms + 1000 * ttl_s)
end
redis.call('ZADD', ENDINGS, now + LOOK_AGAIN_MS, id)
return join_queue(id, now)
