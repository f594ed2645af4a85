-- id, peer_id, silent_ms -> 1; 0: this peer does not hold the player lock. `silent_ms`: the age of
-- the player's last message.
local peer_id, silent_ms = ARGV[2], ARGV[3]
if redis.call('HGET', SESSION, 'seat') ~= peer_id then return 0 end
redis.call('HDEL', SESSION, 'seat', 'seat_heard_at_ms')
redis.call('HSET', SESSION, 'player_left_at_ms', now_ms(), 'player_silent_ms', silent_ms)
return 1
