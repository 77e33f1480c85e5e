"""Facts of media files that reading and writing share."""
