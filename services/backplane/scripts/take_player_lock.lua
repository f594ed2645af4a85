-- id, peer_id, patience_ms -> 1: this peer holds the player lock; 0: another plays.
local peer_id, patience_ms = ARGV[2], tonumber(ARGV[3])
if status_of(SESSION) == 'none' then return 0 end

local now = now_ms()
local holder = redis.call('HGET', SESSION, 'seat')
if holder and holder ~= peer_id then
  local silent_ms = now - redis.call('HGET', SESSION, 'seat_heard_at_ms')
  if silent_ms < patience_ms then return 0 end
end
redis.call('HSET', SESSION, 'seat', peer_id, 'seat_heard_at_ms', now, 'player_left_at_ms', 0)
return 1
