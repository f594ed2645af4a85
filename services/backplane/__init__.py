"""What the services plug into: the truth about sessions and replicas, and the way of an action.

The only importer of `redis`. Whatever must not race is one Lua script; clocks are Redis' own.
"""
