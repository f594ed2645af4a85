-- id, peer_id -> 1, or 0: the seat is not this peer's.
local peer_id = ARGV[2]
if redis.call('HGET', SESSION, 'seat') ~= peer_id then return 0 end
redis.call('HDEL', SESSION, 'seat', 'seat_heard_at_ms')
redis.call('HSET', SESSION, 'player_left_at_ms', now_ms())
return 1
