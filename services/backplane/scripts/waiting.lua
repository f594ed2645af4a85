-- session prefix, snapshot prefix, patience_ms, ttl_s, present_ms -> the line, in order: id,
-- world, id, world, ... of who was seen within present_ms. Who was not seen within patience_ms has left.
local session_prefix, snapshot_prefix, patience_ms, ttl_s = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local present_ms = tonumber(ARGV[5])
local GAP_MS = 5000 -- it runs each second at least, while a service is there
local now = now_ms()
-- KEYS[7]: when this ran last, and since when it has without a gap. While Redis was away (or if its
-- clock jumped) nobody could give a sign: patience counts from the end of the gap.
local last = redis.call('HMGET', KEYS[7], 'at_ms', 'since_ms')
local at_ms, since_ms = tonumber(last[1]), tonumber(last[2]) or 0
if at_ms and now - at_ms > GAP_MS then since_ms = now end
redis.call('HSET', KEYS[7], 'at_ms', now, 'since_ms', since_ms)
redis.call('EXPIRE', KEYS[7], ttl_s)

local waiting = {}
for _, id in ipairs(redis.call('ZRANGE', QUEUE, 0, -1)) do
  local session = session_prefix .. id
  local found = redis.pcall('HMGET', session, 'seen_at_ms', 'world')
  local seen_at_ms = tonumber(found[1]) -- without one, whatever it holds, nobody waits there
  if not seen_at_ms then
    redis.call('ZREM', QUEUE, id)
  elseif now - math.max(seen_at_ms, since_ms) > tonumber(patience_ms) then
    end_session(session, snapshot_prefix .. id, id, 'left the line', now)
    redis.call('EXPIRE', session, ttl_s)
  elseif now - seen_at_ms <= present_ms then
    table.insert(waiting, id)
    table.insert(waiting, found[2] or '')
  end
end
return waiting
