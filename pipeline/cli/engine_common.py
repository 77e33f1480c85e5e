"""What the commands of `deblur engine` share."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pipeline.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trt.cache import EngineCache


def engine_cache() -> EngineCache:
    """The cache in its usual folder."""
    from trt.cache import EngineCache

    return EngineCache()


@contextlib.contextmanager
def memory_explained() -> Iterator[None]:
    """Raises an error that says what to do when PyTorch finds no memory left on the GPU.

    Raises:
        EngineError: If the GPU's memory does not suffice.
    """
    try:
        yield
    except RuntimeError as error:
        if find_spec("torch") is None or type(error).__name__ != "OutOfMemoryError":
            raise
        raise EngineError(
            "the GPU's memory does not suffice to build this engine; give a smaller --size or --batch"
        ) from error
