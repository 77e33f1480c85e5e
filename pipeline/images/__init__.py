"""Photographs and other pictures in files, which go through the same engines as video."""
