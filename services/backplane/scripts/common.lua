-- Stands before every session script: its keys, Redis' own clock, and what several scripts do.
-- ARGV[1] is the session id everywhere it is a script about one session.

local SESSION, QUEUE, LEASES, ENDINGS, LENGTHS, SNAPSHOT = unpack(KEYS)
local LENGTHS_KEPT = 64
local LENGTHS_TTL_S = 24 * 3600
local LOOK_AGAIN_MS = 3600 * 1000 -- after which end_overdue looks whether a waiting session is there

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- What is no hash is no session.
local function status_of(session)
  local status = redis.pcall('HGET', session, 'status')
  return type(status) == 'string' and status or 'none'
end

-- The epoch alone repeats after a failover that lost the newest lease; the link key does not.
local function is_owner(session, epoch, link_key)
  local lease = redis.call('HMGET', session, 'epoch', 'link_key')
  return lease[1] == epoch and lease[2] == link_key
end

local function is_owned(status)
  return status == 'starting' or status == 'live'
end

local function is_one_of(value, list, first)
  for i = first, #list do
    if list[i] == value then return true end
  end
  return false
end

-- How long a slot was held, for the wait we promise to those in line.
local function measure_length(session, now)
  local since = tonumber(redis.call('HGET', session, 'held_since_ms')) or 0
  if since > 0 then
    redis.call('LPUSH', LENGTHS, now - since)
    redis.call('LTRIM', LENGTHS, 0, LENGTHS_KEPT - 1)
    redis.call('EXPIRE', LENGTHS, LENGTHS_TTL_S)
  end
end

-- A session's length counts while a replica has it: not in line, and not while it is paused.
local function start_clock(session, id, now)
  local length = redis.call('HMGET', session, 'max_age_ms', 'played_ms')
  redis.call('HSET', session, 'held_since_ms', now)
  if not length[1] then return end -- an older service created it: its end stands
  local ends_at = now + math.max(0, length[1] - (tonumber(length[2]) or 0))
  redis.call('HSET', session, 'ends_at_ms', ends_at)
  redis.call('ZADD', ENDINGS, ends_at, id)
end

local function stop_clock(session, id, now)
  local since = tonumber(redis.call('HGET', session, 'held_since_ms')) or 0
  redis.call('HDEL', session, 'held_since_ms')
  if redis.call('HEXISTS', session, 'max_age_ms') == 0 then return end
  if since > 0 then redis.call('HINCRBY', session, 'played_ms', math.max(0, now - since)) end
  redis.call('HSET', session, 'ends_at_ms', 0)
  redis.call('ZADD', ENDINGS, now + LOOK_AGAIN_MS, id)
end

local function drop_owner(session, id, now)
  redis.call('ZREM', LEASES, id)
  stop_clock(session, id, now)
  redis.call('HSET', session, 'replica_id', '', 'frame_address', '', 'link_key', '',
    'lease_until_ms', 0)
end

-- Without `snapshot` its newest one stays, for as long as it would have.
local function end_session(session, snapshot, id, reason, now)
  measure_length(session, now)
  drop_owner(session, id, now)
  redis.call('HSET', session, 'status', 'ended', 'reason', reason)
  redis.call('ZREM', QUEUE, id)
  redis.call('ZREM', ENDINGS, id)
  if snapshot then redis.call('DEL', snapshot) end
end
