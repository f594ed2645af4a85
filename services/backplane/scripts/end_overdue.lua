-- session prefix, snapshot prefix, reason, ttl_s -> ids of the sessions whose time was up.
local session_prefix, snapshot_prefix, reason, ttl_s = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local now = now_ms()
local overdue = redis.call('ZRANGEBYSCORE', ENDINGS, '-inf', now, 'LIMIT', 0, 100)
for _, id in ipairs(overdue) do
  local session = session_prefix .. id
  if status_of(session) == 'none' then
    redis.call('ZREM', ENDINGS, id)
  else
    end_session(session, snapshot_prefix .. id, id, reason, now)
    redis.call('EXPIRE', session, ttl_s)
  end
end
return overdue
