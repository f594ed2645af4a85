-- session prefix -> ids of starting and live sessions whose owner stopped renewing.
local session_prefix = ARGV[1]
local lost = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now_ms())) do
  if status_of(session_prefix .. id) == 'none' then
    redis.call('ZREM', LEASES, id)
  else
    table.insert(lost, id)
  end
end
return lost
