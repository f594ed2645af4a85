"""How every service listens for HTTP: bounded connections, and probes on a port of their own."""
