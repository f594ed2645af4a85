-- Stands after common.lua: what one caller and all callers together may take.

-- How far below Redis' own limit (maxmemory) writes of visitors stop.
local SHARE_OF_MAXMEMORY = 0.8
-- What an allocator may take for a value of some size, in that size (jemalloc: four steps an octave).
local ROUNDING = 1.25

-- Bytes that Redis uses, and at which writes of visitors end. `max_bytes` 0: no limit of ours.
local function memory(max_bytes)
  local info = redis.call('INFO', 'memory')
  local used = tonumber(string.match(info, 'used_memory:(%d+)'))
  local maxmemory = tonumber(string.match(info, 'maxmemory:(%d+)') or 0)
  local limit = max_bytes > 0 and max_bytes or math.huge
  if maxmemory > 0 then limit = math.min(limit, maxmemory * SHARE_OF_MAXMEMORY) end
  return used, limit
end

local function has_room(bytes, max_bytes)
  local used, limit = memory(max_bytes)
  return used + bytes * ROUNDING <= limit
end

-- Bytes that whoever waits in line writes once it plays.
local function promised(bytes_per_session)
  return redis.call('ZCARD', QUEUE) * bytes_per_session
end

-- `callers` is a session's field: "who=share who=share", its address and perhaps the network of that,
-- which may take `share` times as much.
local function each_caller(callers)
  return string.gmatch(callers or '', '(%S+)=(%d+)')
end

-- Whether each caller may have one more session that plays or waits. Paused ones cost bytes only: as
-- many again may be paused beside them.
local function may_open(callers, max_open, open_prefix, session_prefix, is_new)
  for who, share in each_caller(callers) do
    local open, active, all = open_prefix .. who, 0, 0
    for _, id in ipairs(redis.call('SMEMBERS', open)) do
      local status = status_of(session_prefix .. id)
      if status == 'none' or status == 'ended' then
        redis.call('SREM', open, id)
      else
        all = all + 1
        if status ~= 'paused' then active = active + 1 end
      end
    end
    if active >= max_open * share then return false end
    if is_new and all >= 2 * max_open * share then return false end
  end
  return true
end

-- Whether as many as `max_queued` wait for that world already; another world's line is no matter.
local function is_queue_full(world, max_queued, session_prefix)
  if redis.call('ZCARD', QUEUE) < max_queued then return false end
  local waiting = 0
  for _, id in ipairs(redis.call('ZRANGE', QUEUE, 0, -1)) do
    if redis.call('HGET', session_prefix .. id, 'world') == world then waiting = waiting + 1 end
  end
  return waiting >= max_queued
end

local function join_queue(id, now)
  local last = redis.call('ZRANGE', QUEUE, -1, -1, 'WITHSCORES')[2]
  redis.call('ZADD', QUEUE, last and math.max(now, last + 1) or now, id)
  return redis.call('ZRANK', QUEUE, id)
end
