"""HTTP listeners for every service: bounded connections, and probes on a separate port."""
