-- id, epoch, link_key, lease_until_ms, reason, loss, too_often, ttl_s, max_losses -> 1: at the front
-- of the line; 0: refused. What is '' is not compared. loss: '' the owner lets it go in good order;
-- 'many' or 'only': the owner failed, and others could play the session or not. too_often: the
-- reason of who is ended here.
-- Its owner was lost or lets it go: it had its turn, and has it again before anybody else.
-- With lease_until_ms the lease ran out: its owner may live and take the session back (renew.lua).
local id, epoch, link_key, lease_until_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local reason, loss, too_often, ttl_s, max_losses = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local status = status_of(SESSION)
local owner = redis.call('HMGET', SESSION, 'epoch', 'link_key', 'lease_until_ms')

-- A first failure may be the replica's. The session is charged with those of another replica, and
-- with those of the only one, which takes nobody after a failure until it has proven itself.
local function charge()
  if loss == '' then return 0 end
  local lost_by = redis.call('HMGET', SESSION, 'lost_by', 'replica_id')
  local is_charged = lost_by[1] and (lost_by[1] ~= lost_by[2] or loss == 'only') and 1 or 0
  redis.call('HSET', SESSION, 'lost_by', lost_by[2], 'charged', is_charged)
  return redis.call('HINCRBY', SESSION, 'num_losses', is_charged)
end

local function fits(asked, found) return asked == '' or asked == found end

if status == 'none' then redis.call('ZREM', LEASES, id) end
local is_meant = fits(epoch, owner[1]) and fits(link_key, owner[2])
  and fits(lease_until_ms, owner[3])
if not is_owned(status) or not is_meant then return 0 end
if charge() > tonumber(max_losses) then
  -- A world that takes down whoever opens it must not go round for ever; its snapshot stays.
  end_session(SESSION, nil, id, too_often, now_ms())
  redis.call('EXPIRE', SESSION, ttl_s)
  return 0
end

local now = now_ms()
if lease_until_ms ~= '' then
  redis.call('ZREM', LEASES, id)
  stop_clock(SESSION, id, now)
  redis.call('HSET', SESSION, 'lost_status', status)
else
  drop_owner(SESSION, id, now)
end
redis.call('HSET', SESSION, 'status', 'queued', 'reason', reason, 'seen_at_ms', now)
redis.call('EXPIRE', SESSION, ttl_s)
local first = redis.call('ZRANGE', QUEUE, 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', QUEUE, first and math.min(now, first - 1) or now, id)
return 1
