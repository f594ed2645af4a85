-- id, epoch, blob, ttl_s -> 1, or 0: the writer no longer owns the session.
local epoch, blob, ttl_s = ARGV[2], ARGV[3], ARGV[4]
local status = status_of(SESSION)
if not is_owner(SESSION, epoch) or (status ~= 'starting' and status ~= 'live') then return 0 end
redis.call('SET', SNAPSHOT, blob, 'EX', ttl_s)
return 1
