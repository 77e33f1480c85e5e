"""Pictures and videos whose detail and motion are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.scenes import Scene, natural_picture, write_video

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

PHOTOS = Path(__file__).resolve().parents[4] / "shared" / "data" / "train" / "photos"


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def natural() -> Callable[[int], NDArray[np.uint8]]:
    """Makes pictures with the spectrum of photographs; see :func:`tests.support.scenes.natural_picture`."""
    return natural_picture


@pytest.fixture
def photos_of_data() -> list[Path]:
    if not PHOTOS.is_dir():
        pytest.skip("the folder shared/data with photographs is not beside the repository")
    return sorted(PHOTOS.iterdir())


@pytest.fixture(name="write_video")
def write_video_fixture() -> Callable[..., Path]:
    """Writes frames to a file; see :func:`tests.support.scenes.write_video`."""
    return write_video
