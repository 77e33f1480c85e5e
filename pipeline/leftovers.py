"""Frees what a video or a segment that is done with leaves behind."""

from __future__ import annotations

import gc


def free_leftovers() -> None:
    """Frees the codecs and buffers of finished work now.

    A container of PyAV and its streams refer to each other, so that only the garbage collector finds them. It goes by
    the number of objects, of which a video makes few, and knows nothing of the threads and the tens of megabytes behind
    each of them: left alone, it had kept seven of the first ten segments' encoders.
    """
    gc.collect()
