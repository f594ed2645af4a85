-- id, replica_id, frame_address, link_key, lease_ms, ttl_s, world_digest -> the new epoch, or -1:
-- not queued.
-- `link_key` is new with each try to own it.
local id, replica_id, frame_address, link_key = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local lease_ms, ttl_s, world_digest = ARGV[5], ARGV[6], ARGV[7]
local status = status_of(SESSION)
if status == 'starting' and redis.call('HGET', SESSION, 'link_key') == link_key then
  -- a repeated call, as in create.lua
  return tonumber(redis.call('HGET', SESSION, 'epoch'))
end
if status ~= 'queued' then return -1 end

local now = now_ms()
redis.call('ZREM', QUEUE, id)
redis.call('ZADD', LEASES, now + lease_ms, id)
redis.call('HDEL', SESSION, 'lost_status')
-- Whether the player is there is asked anew from here on: a turn that nobody comes to is short.
redis.call('HSET', SESSION, 'status', 'starting', 'replica_id', replica_id, 'frame_address',
  frame_address, 'link_key', link_key, 'lease_until_ms', now + lease_ms,
  'seen_at_ms', now, 'connected_at_ms', 0, 'player_left_at_ms', 0, 'reason', '')
start_clock(SESSION, id, now)
if world_digest ~= '' then redis.call('HSET', SESSION, 'world_digest', world_digest) end
redis.call('EXPIRE', SESSION, ttl_s)
return redis.call('HINCRBY', SESSION, 'epoch', 1)
