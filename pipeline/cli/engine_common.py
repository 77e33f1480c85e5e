"""What the commands of `deblur engine` share."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pipeline.errors import DeblurError, EngineError, OutputError, UsageError
from trt.errors import CacheError, MissingError, TensorRTError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trt.cache import EngineCache


def engine_cache() -> EngineCache:
    """The cache in its usual folder."""
    from trt.cache import EngineCache

    return EngineCache()


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turns errors of the TensorRT package into those with an exit code.

    Raises:
        EngineError: If an engine can't be built or used, or the GPU's memory does not suffice.
        UsageError: If something is not installed.
        OutputError: If the cache can't be used.
    """
    try:
        yield
    except TensorRTError as error:
        kind: type[DeblurError] = EngineError
        if isinstance(error, MissingError):
            kind = UsageError
        elif isinstance(error, CacheError):
            kind = OutputError
        raise kind(str(error)) from error
    except RuntimeError as error:
        if find_spec("torch") is None or type(error).__name__ != "OutOfMemoryError":
            raise
        raise EngineError(
            "the GPU's memory does not suffice to build this engine; give a smaller --size or --batch"
        ) from error
