"""Decode, deblur, encode: the streaming pipeline and the command line."""
