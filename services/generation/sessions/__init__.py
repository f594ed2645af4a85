"""Who is played here: the line, the lease, the place of each session."""
