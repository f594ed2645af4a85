-- session prefix, snapshot prefix, reason, ttl_s -> ids of the sessions whose time was up.
-- A session that waits or is paused spends no time; its place in ENDINGS says when to look again.
local session_prefix, snapshot_prefix, reason, ttl_s = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local now = now_ms()
local overdue = redis.call('ZRANGEBYSCORE', ENDINGS, '-inf', now, 'LIMIT', 0, 100)
local ended = {}
for _, id in ipairs(overdue) do
  local session = session_prefix .. id
  local status = status_of(session)
  local is_counted = redis.pcall('HEXISTS', session, 'max_age_ms') == 1
  if status == 'none' then
    redis.call('ZREM', ENDINGS, id)
  elseif is_counted and not is_owned(status) then
    redis.call('ZADD', ENDINGS, now + LOOK_AGAIN_MS, id)
  else
    table.insert(ended, id)
    end_session(session, snapshot_prefix .. id, id, reason, now)
    redis.call('EXPIRE', session, ttl_s)
  end
end
return ended
