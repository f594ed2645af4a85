"""One browser over WebRTC: its offer, its channels, its picture."""
