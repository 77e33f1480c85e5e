"""The virtual camera, by a driver of the test's own, and what is said where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import OutputError
from pipeline.live.output.virtual_camera import VirtualCamera
from pipeline.live.subscription import LiveResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import av
    import numpy as np

pyvirtualcam = pytest.importorskip("pyvirtualcam", reason="pyvirtualcam is not installed")


class Driver:
    """A driver of pyvirtualcam that keeps what it gets."""

    opened: Driver | None = None
    refuses = False

    def __init__(self, width: int, height: int, fps: float, fourcc: int, device: str | None) -> None:
        if Driver.refuses:
            raise RuntimeError("no camera is plugged in")
        self.size, self.fps, self.fourcc, self.wanted = (width, height), fps, fourcc, device
        self.pictures: list[np.ndarray[Any, Any]] = []
        self.is_closed = False
        Driver.opened = self

    def device(self) -> str:
        return "test camera"

    def native_fourcc(self) -> int:
        return self.fourcc

    def send(self, picture: np.ndarray[Any, Any]) -> None:
        self.pictures.append(picture.reshape(self.size[1], self.size[0], 3).copy())

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def driver() -> Iterator[type[Driver]]:
    """Puts the driver in the place of those that there are, by the library's own means."""
    others = dict(pyvirtualcam.camera.BACKENDS)
    pyvirtualcam.camera.BACKENDS.clear()
    pyvirtualcam.register_backend("test", Driver)
    Driver.opened, Driver.refuses = None, False
    yield Driver
    pyvirtualcam.camera.BACKENDS.clear()
    pyvirtualcam.camera.BACKENDS.update(others)


def show(camera: VirtualCamera, frame: av.VideoFrame) -> None:
    assert camera.show(LiveResult(frame, frame, 0, 0.0, 0.0, 0.0))


def test_pictures_arrive_in_the_size_of_the_first(driver: type[Driver], frame: Callable[..., av.VideoFrame]) -> None:
    camera = VirtualCamera()
    show(camera, frame(235, (63, 47)))
    show(camera, frame(16, (32, 24)))
    opened = driver.opened
    assert opened is not None
    assert opened.size == (64, 48)
    assert [picture.shape for picture in opened.pictures] == [(48, 64, 3)] * 2
    assert opened.pictures[0].min() > 250
    assert opened.pictures[1].max() < 5
    assert camera.name == "virtual camera test camera"
    camera.close()
    assert opened.is_closed


def test_without_a_driver_the_way_to_one_is_said(driver: type[Driver], frame: Callable[..., av.VideoFrame]) -> None:
    driver.refuses = True
    camera = VirtualCamera()
    with pytest.raises(OutputError, match=r"no camera is plugged in; install v4l2loopback .* OBS"):
        show(camera, frame())
    camera.close()
