-- id, epoch, status, reason, ttl_s, statuses it may follow ... -> 1, or 0: refused.
local id, epoch, status, reason, ttl_s = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if not is_owner(SESSION, epoch) then return 0 end
local before = status_of(SESSION)
if before == status then return 1 end
if not is_one_of(before, ARGV, 6) then return 0 end

if status == 'ended' then
  end_session(SESSION, SNAPSHOT, id, reason, now_ms())
else
  if status == 'paused' then
    measure_length(SESSION, now_ms())
    drop_owner(SESSION, id)
  end
  redis.call('HSET', SESSION, 'status', status, 'reason', reason)
end
redis.call('EXPIRE', SESSION, ttl_s)
return 1
