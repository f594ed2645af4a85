"""Making frames: the one thread that owns the engine, and what it decides by."""
