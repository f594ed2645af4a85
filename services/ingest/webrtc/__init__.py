"""One browser over WebRTC: offer, data channels, video."""
