-- id, epoch, link_key, status, reason, keeps, ttl_s, statuses it may follow ... -> 1, or 0: refused.
-- keeps: '1' and the snapshot of a session that ends stays.
-- By the owner alone: a session that waits (again) is nobody's to end.
local id, epoch, link_key = ARGV[1], ARGV[2], ARGV[3]
local status, reason, keeps, ttl_s = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local before = status_of(SESSION)
if before == status and redis.call('HGET', SESSION, 'epoch') == epoch then return 1 end -- repeated
if not is_owner(SESSION, epoch, link_key) or not is_owned(before) then return 0 end
if not is_one_of(before, ARGV, 8) then return 0 end

if status == 'ended' then
  end_session(SESSION, keeps ~= '1' and SNAPSHOT or nil, id, reason, now_ms())
else
  if status == 'paused' then
    local now = now_ms()
    measure_length(SESSION, now)
    drop_owner(SESSION, id, now)
  end
  redis.call('HSET', SESSION, 'status', status, 'reason', reason)
end
redis.call('EXPIRE', SESSION, ttl_s)
return 1
