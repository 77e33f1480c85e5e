"""Writes a video file: encoded frames, and the copied packets of all other streams."""
