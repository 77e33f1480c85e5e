"""The machine and its operating system: processor, libraries, codecs, signals and pipes."""
