-- id, epoch, link_key, blob, ttl_s -> 1, or 0: the writer no longer owns the session. An owner
-- whose lease ran out still does until somebody else acquires the session.
local epoch, link_key, blob, ttl_s = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local status = status_of(SESSION)
if not is_owner(SESSION, epoch, link_key) then return 0 end
if not is_owned(status) and status ~= 'queued' then return 0 end
redis.call('SET', SNAPSHOT, blob, 'EX', ttl_s)
return 1
