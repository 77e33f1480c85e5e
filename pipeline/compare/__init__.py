"""Comparing videos: frames of one moment side by side, as figures, as a video and as a page."""
