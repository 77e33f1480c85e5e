"""Pairs of blurred and sharp pictures, and windows of frames, on the disk."""
