"""From pictures to the edge: one slot per session, an encoder each, plain TCP."""
