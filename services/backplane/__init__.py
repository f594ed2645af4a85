"""Shared state of all services in Redis: session records, replicas, releases, action streams.

Only this package imports `redis`. Every write with a race is one Lua script; all times come from
Redis' clock.
"""
