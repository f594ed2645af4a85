-- id, epoch, link_key, lease_until_ms, reason, ttl_s, max_losses -> 1: at the front of the line;
-- 0: refused. What is '' is not compared.
-- Its owner was lost or lets it go: it had its turn, and has it again before anybody else.
-- With lease_until_ms the lease ran out: its owner may live and take the session back (renew.lua).
local id, epoch, link_key, lease_until_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local reason, ttl_s, max_losses = ARGV[5], ARGV[6], ARGV[7]
local status = status_of(SESSION)
local owner = redis.call('HMGET', SESSION, 'epoch', 'link_key', 'lease_until_ms')

local function fits(asked, found) return asked == '' or asked == found end

if status == 'none' then redis.call('ZREM', LEASES, id) end
local is_meant = fits(epoch, owner[1]) and fits(link_key, owner[2])
  and fits(lease_until_ms, owner[3])
if not is_owned(status) or not is_meant then return 0 end
if redis.call('HINCRBY', SESSION, 'num_losses', 1) > tonumber(max_losses) then
  -- A world that takes down whoever opens it must not go round for ever.
  end_session(SESSION, SNAPSHOT, id, 'lost its place too often', now_ms())
  return 0
end

local now = now_ms()
if lease_until_ms ~= '' then
  redis.call('ZREM', LEASES, id)
  redis.call('HDEL', SESSION, 'held_since_ms')
  redis.call('HSET', SESSION, 'lost_status', status)
else
  drop_owner(SESSION, id)
end
redis.call('HSET', SESSION, 'status', 'queued', 'reason', reason, 'seen_at_ms', now)
redis.call('EXPIRE', SESSION, ttl_s)
local first = redis.call('ZRANGE', LINE, 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', LINE, first and math.min(now, first - 1) or now, id)
return 1
