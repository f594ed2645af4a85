-- session prefix, snapshot prefix, patience_ms, ttl_s, present_ms -> the line, in order: who was
-- seen within present_ms. Who was not seen within patience_ms has left.
local session_prefix, snapshot_prefix, patience_ms, ttl_s = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local present_ms = tonumber(ARGV[5])
local now = now_ms()
local waiting = {}
for _, id in ipairs(redis.call('ZRANGE', LINE, 0, -1)) do
  local session = session_prefix .. id
  local seen_at_ms = redis.call('HGET', session, 'seen_at_ms')
  if not seen_at_ms then
    redis.call('ZREM', LINE, id)
  elseif now - seen_at_ms > tonumber(patience_ms) then
    end_session(session, snapshot_prefix .. id, id, 'left the line', now)
    redis.call('EXPIRE', session, ttl_s)
  elseif now - seen_at_ms <= present_ms then
    table.insert(waiting, id)
  end
end
return waiting
