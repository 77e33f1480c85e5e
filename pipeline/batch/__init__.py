"""Many videos in one run: a plan first, then the work, file by file, in which no file stops the others."""
