"""Reads a video file: decoded frames, and the packets of all other streams."""
