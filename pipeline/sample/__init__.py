"""A few seconds of a video, deblurred with several settings, as a page to judge them by."""
