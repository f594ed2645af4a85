"""Records what a commit's tree produces, so that a renaming can be shown to change nothing.

A recording is one JSON file. Each entry has a name and a value: digests of frames, bytes on the
wire, keys in Redis, names of metrics and settings, OpenAPI documents, rendered charts, the page's
public objects. `compare` names every entry that differs between two recordings. Digests of frames
depend on the machine, so recordings are compared on one machine and never committed.
"""
