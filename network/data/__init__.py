"""Pairs of blurred and sharp pictures on the disk."""
