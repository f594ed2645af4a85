"""What ingest answers by HTTP and WebSocket."""
