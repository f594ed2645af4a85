-- id, max_bytes, session_bytes -> 1, or 0: a new session would be refused for want of bytes.
local max_bytes, session_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
return has_room(promised(session_bytes) + session_bytes, max_bytes) and 1 or 0
