"""Architectures, and the registry that makes one by its name."""
