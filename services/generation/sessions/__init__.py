"""Sessions of a replica: dispatcher, leases, snapshots, exits."""
