"""Decoding, engine and encoding side by side."""
