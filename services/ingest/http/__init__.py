"""The HTTP and WebSocket interface of ingest."""
