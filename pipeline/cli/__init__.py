"""The command line. Importing it costs click alone; each subcommand is imported when it is used."""

from pipeline.cli.main import main

__all__ = ["main"]
