"""The machine, its codecs, its signals and its pipes."""
