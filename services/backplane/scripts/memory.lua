-- id, max_bytes -> bytes that Redis uses, and at which writes of visitors end.
return { memory(tonumber(ARGV[2])) }
