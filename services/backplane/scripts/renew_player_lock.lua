-- id, peer_id, silent_ms -> 1, or 0: another peer holds the player lock, or nobody.
local peer_id, silent_ms = ARGV[2], ARGV[3]
if status_of(SESSION) == 'none' then return 1 end -- whoever reads the record learns of that
if redis.call('HGET', SESSION, 'seat') ~= peer_id then return 0 end
redis.call('HSET', SESSION, 'seat_heard_at_ms', now_ms() - silent_ms)
return 1
