-- id, epoch or '', reason, ttl_s, max_losses -> 1: at the front of the line; 0: refused.
-- With an epoch its owner was lost (or lets it go); without, a paused player came back.
local id, epoch, reason, ttl_s, max_losses = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local status = status_of(SESSION)
if epoch == '' then
  if status ~= 'paused' then return 0 end
else
  if not is_owner(SESSION, epoch) or (status ~= 'starting' and status ~= 'live') then return 0 end
  if redis.call('HINCRBY', SESSION, 'num_losses', 1) > tonumber(max_losses) then
    -- A world that takes down whoever opens it must not go round for ever.
    end_session(SESSION, SNAPSHOT, id, 'lost its place too often', now_ms())
    return 0
  end
end

local now = now_ms()
drop_owner(SESSION, id)
redis.call('HSET', SESSION, 'status', 'queued', 'reason', reason, 'seen_at_ms', now)
redis.call('EXPIRE', SESSION, ttl_s)
local first = redis.call('ZRANGE', LINE, 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', LINE, first and math.min(now, first - 1) or now, id)
return 1
