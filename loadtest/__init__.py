"""Recordings replayed as real WebRTC clients."""
