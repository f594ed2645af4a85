-- id, epoch, link_key, lease_ms, ttl_s, open prefix, field, value, ... -> 1: the record is there
-- again, under this owner; 0: refused, because the record that is there is as new, or has ended.
-- For a Redis that came back without its newest writes, or with none: the owner still has the
-- session, and the fields as it last read them. Epochs only grow, so an older one is old data.
local id, epoch, link_key, lease_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local ttl_s, open_prefix = ARGV[5], ARGV[6]
local there = redis.pcall('HGET', SESSION, 'epoch')
there = type(there) == 'string' and tonumber(there)
if there and there >= tonumber(epoch) or status_of(SESSION) == 'ended' then return 0 end

redis.call('DEL', SESSION)
redis.call('HSET', SESSION, unpack(ARGV, 7))
redis.call('HSET', SESSION, 'epoch', epoch, 'link_key', link_key, 'reason', '')

-- The fields' times are of the clock before; the time without Redis counts for nothing.
local now = now_ms()
local times = redis.call('HMGET', SESSION, 'lease_until_ms', 'held_since_ms', 'ends_at_ms')
local shift = now + lease_ms - (tonumber(times[1]) or now + lease_ms)
local ends_at = tonumber(times[3]) or 0
redis.call('HSET', SESSION, 'lease_until_ms', now + lease_ms, 'held_since_ms',
  (tonumber(times[2]) or now) + shift)
if ends_at > 0 then redis.call('HSET', SESSION, 'ends_at_ms', ends_at + shift) end
redis.call('ZADD', ENDINGS, ends_at > 0 and ends_at + shift or now + LOOK_AGAIN_MS, id)
redis.call('ZADD', LEASES, now + lease_ms, id)
redis.call('ZREM', QUEUE, id)
redis.call('EXPIRE', SESSION, ttl_s)
for who in each_caller(redis.call('HGET', SESSION, 'callers') or '') do
  redis.call('SADD', open_prefix .. who, id)
  redis.call('EXPIRE', open_prefix .. who, ttl_s)
end
return 1
