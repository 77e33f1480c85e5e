"""The real builder of TensorRT-RTX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.tensorrt import recorded_builds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.tensorrt import Definitions


@pytest.fixture(scope="session")
def builder() -> Iterator[Definitions]:
    """Lets :func:`trt.build.serialize` run; gives what it built."""
    with recorded_builds() as definitions:
        yield definitions
