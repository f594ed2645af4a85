-- ttl_s: one write over two keys, which whatever cannot serve us refuses. KEYS[1] is the prober's.
redis.call('SET', KEYS[1], redis.call('EXISTS', KEYS[2]), 'EX', ARGV[1])
