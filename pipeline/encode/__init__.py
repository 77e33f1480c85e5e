"""Frames become a file."""
