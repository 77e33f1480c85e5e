"""Frames, time stamps, tags and side data of media files, as used by reading and writing alike."""
