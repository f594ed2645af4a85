-- id, epoch, lease_ms, ttl_s, settled_ms -> the record as a flat list; empty: no longer the owner's.
local id, epoch, lease_ms, ttl_s, settled_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local status = status_of(SESSION)
if not is_owner(SESSION, epoch) or (status ~= 'starting' and status ~= 'live') then return {} end

local now = now_ms()
redis.call('ZADD', LEASES, now + lease_ms, id)
redis.call('HSET', SESSION, 'lease_until_ms', now + lease_ms)
if now - redis.call('HGET', SESSION, 'held_since_ms') > tonumber(settled_ms) then
  redis.call('HDEL', SESSION, 'num_losses')
end
redis.call('EXPIRE', SESSION, ttl_s)
return redis.call('HGETALL', SESSION)
