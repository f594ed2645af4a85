-- id, copy_id, ttl_s, max_kept, snapshot prefix, origin prefix, max_bytes, session_bytes, max_saved,
-- saved prefix -> 1; 0: no snapshot yet; -2: the caller has saved enough; -3: the byte budget of
-- visitors is used up.
-- KEYS 7 and 8 are the copy and its note. The oldest of the session's `max_kept` copies makes room,
-- and where its caller has `max_saved` from all its sessions, the oldest of this one.
local copy_id, ttl_s, max_kept = ARGV[2], ARGV[3], tonumber(ARGV[4])
local snapshot_prefix, kept_prefix = ARGV[5], ARGV[6]
local max_bytes, session_bytes = tonumber(ARGV[7]), tonumber(ARGV[8])
local max_saved, saved_prefix = ARGV[9], ARGV[10]
local copy, note, copies = KEYS[7], KEYS[8], KEYS[9]
local callers = redis.call('HGET', SESSION, 'callers')

local function without_expired(set)
  local there = {}
  for _, id in ipairs(redis.call('ZRANGE', set, 0, -1)) do
    if redis.call('EXISTS', kept_prefix .. id) == 1 then
      table.insert(there, id)
    else
      redis.call('ZREM', set, id)
    end
  end
  return there
end

local function may_save()
  for who, share in each_caller(callers) do
    if #without_expired(saved_prefix .. who) >= max_saved * share then return false end
  end
  return true
end

local function drop(id)
  redis.call('DEL', snapshot_prefix .. id, kept_prefix .. id)
  redis.call('ZREM', copies, id)
  for who in each_caller(callers) do redis.call('ZREM', saved_prefix .. who, id) end
end

if redis.call('EXISTS', SESSION, SNAPSHOT) < 2 then return 0 end
local own = without_expired(copies)
local makes_room = #own >= max_kept or not may_save()
if makes_room then
  if #own == 0 then return -2 end
  drop(own[1])
elseif not has_room(promised(session_bytes) + redis.call('STRLEN', SNAPSHOT), max_bytes) then
  return -3
end

local number = redis.call('HINCRBY', SESSION, 'num_kept', 1)
redis.call('COPY', SNAPSHOT, copy)
redis.call('EXPIRE', copy, ttl_s)
local origin = redis.call('HMGET', SESSION, 'world', 'start', 'seed', 'world_digest')
redis.call('HSET', note, 'world', origin[1], 'start', origin[2], 'seed', origin[3],
  'world_digest', origin[4] or '')
redis.call('EXPIRE', note, ttl_s)
local sets = { copies }
for who in each_caller(callers) do table.insert(sets, saved_prefix .. who) end
for _, set in ipairs(sets) do
  redis.call('ZADD', set, number, copy_id)
  redis.call('EXPIRE', set, ttl_s)
end
return 1
