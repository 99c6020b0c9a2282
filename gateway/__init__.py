"""WebRTC and HTTP at the edge: live tracks in, sampled frames and audio chunks on the bus."""
