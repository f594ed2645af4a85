-- id, copy_id, ttl_s, max_kept, snapshot prefix, kept prefix -> 1, or 0: nothing to keep yet.
-- KEYS 7 and 8 are the copy and its note. The oldest of `max_kept` copies makes room.
local copy_id, ttl_s, max_kept = ARGV[2], ARGV[3], tonumber(ARGV[4])
local snapshot_prefix, kept_prefix = ARGV[5], ARGV[6]
local copy, note = KEYS[7], KEYS[8]
if redis.call('EXISTS', SESSION, SNAPSHOT) < 2 then return 0 end

local place = 'kept_' .. redis.call('HINCRBY', SESSION, 'num_kept', 1) % max_kept
local oldest = redis.call('HGET', SESSION, place)
if oldest then redis.call('DEL', snapshot_prefix .. oldest, kept_prefix .. oldest) end
redis.call('HSET', SESSION, place, copy_id)
redis.call('COPY', SNAPSHOT, copy)
redis.call('EXPIRE', copy, ttl_s)
local origin = redis.call('HMGET', SESSION, 'world', 'start', 'seed', 'world_digest')
redis.call('HSET', note, 'world', origin[1], 'start', origin[2], 'seed', origin[3],
  'world_digest', origin[4] or '')
redis.call('EXPIRE', note, ttl_s)
return 1
