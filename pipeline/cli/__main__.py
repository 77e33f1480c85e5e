"""``python -m pipeline.cli`` is ``deblur``."""

from pipeline.cli.main import main

main()
