"""The name under which this program is installed, and its entry point: `deblur` and ``python -m deblur_stream``."""
