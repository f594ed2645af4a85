-- id, epoch, link_key, lease_ms, ttl_s, settled_ms -> the record as a flat list; empty: no longer
-- the owner's. An owner takes back what was queued because its lease ran out, while nobody else
-- has acquired it.
local id, epoch, link_key = ARGV[1], ARGV[2], ARGV[3]
local lease_ms, ttl_s, settled_ms = ARGV[4], ARGV[5], ARGV[6]
local status = status_of(SESSION)
if not is_owner(SESSION, epoch, link_key) then return {} end

local now = now_ms()
if status == 'queued' then
  redis.call('ZREM', QUEUE, id)
  redis.call('HSET', SESSION, 'status', redis.call('HGET', SESSION, 'lost_status'), 'reason', '')
  start_clock(SESSION, id, now)
  redis.call('HDEL', SESSION, 'lost_status')
  redis.call('HINCRBY', SESSION, 'num_losses', -(redis.call('HGET', SESSION, 'charged') or 0))
elseif not is_owned(status) then
  return {}
end
redis.call('ZADD', LEASES, now + lease_ms, id)
redis.call('HSET', SESSION, 'lease_until_ms', now + lease_ms)
if now - redis.call('HGET', SESSION, 'held_since_ms') > tonumber(settled_ms) then
  redis.call('HDEL', SESSION, 'num_losses', 'lost_by')
end
redis.call('EXPIRE', SESSION, ttl_s)
return redis.call('HGETALL', SESSION)
