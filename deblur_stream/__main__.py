"""``python -m deblur_stream`` is ``deblur``."""

from deblur_stream.command import main

if __name__ == "__main__":
    main()
