-- id, reason, ttl_s -> 1: the session is over (now or before); 0: there is none.
local id, reason, ttl_s = ARGV[1], ARGV[2], ARGV[3]
local status = status_of(SESSION)
if status == 'none' then return 0 end
if status ~= 'ended' then
  end_session(SESSION, SNAPSHOT, id, reason, now_ms())
  redis.call('EXPIRE', SESSION, ttl_s)
end
return 1
