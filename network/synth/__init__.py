"""Pairs of blurred and sharp pictures, synthesised from sharp footage alone."""
