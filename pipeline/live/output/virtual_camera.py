"""Results as a camera that other programs open: a meeting, a browser."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pipeline.errors import OutputError, UsageError
from pipeline.media.reformatter import Reformatter

if TYPE_CHECKING:
    from pipeline.live.subscription import LiveResult

_NOMINAL_RATE = 30
"""Nominal frames a second that programs see."""


class VirtualCamera:
    """Sends results to a virtual camera, which keeps the size of the first one.

    It needs a driver: v4l2loopback on Linux, OBS Studio on Windows and macOS.

    Attributes:
        name: Name of the camera for the user; with the device, once it is open.
    """

    queue = 1

    def __init__(self, device: str | None = None) -> None:
        """Checks that the library is there; the camera is opened with the first result.

        Args:
            device: Device of the camera, such as ``/dev/video10``; None for the first that is there.

        Raises:
            UsageError: If pyvirtualcam is not installed.
        """
        if find_spec("pyvirtualcam") is None:
            raise UsageError(
                '`virtual_camera` needs pyvirtualcam: pip install "deblur-stream[live]"', field="virtual_camera"
            )
        self._device = device
        self._camera: Any = None
        self._reformatter = Reformatter()
        self.name = "virtual camera"

    def show(self, result: LiveResult) -> bool:
        """Sends a result.

        Raises:
            OutputError: If there is no virtual camera, or it takes no more.
        """
        try:
            if self._camera is None:
                self._open(result.frame.width, result.frame.height)
            picture = self._reformatter.reformat(result.frame, self._camera.width, self._camera.height, "rgb24")
            self._camera.send(picture.to_ndarray())
        except RuntimeError as error:
            raise OutputError(
                f"the virtual camera can't be used: {error}; install v4l2loopback (Linux) or OBS Studio (Windows, "
                "macOS), and start its virtual camera once"
            ) from error
        return True

    def close(self) -> None:
        """Takes the camera away."""
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _open(self, width: int, height: int) -> None:
        library = import_module("pyvirtualcam")
        # Drivers take pictures of even sizes alone.
        size = (width + width % 2, height + height % 2)
        self._camera = library.Camera(*size, _NOMINAL_RATE, fmt=library.PixelFormat.RGB, device=self._device)
        self.name = f"virtual camera {self._camera.device}"
