"""The Python interface; ``deblur_stream`` hands its names on to users."""
