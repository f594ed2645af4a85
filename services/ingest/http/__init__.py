"""What the edge answers by HTTP and WebSocket."""
