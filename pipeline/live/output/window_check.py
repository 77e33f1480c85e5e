"""Whether a window can be opened here, found out before OpenCV, whose Qt ends the whole process where it can't."""

from __future__ import annotations

import os
import re
import socket
import sys
from importlib.util import find_spec

from pipeline.errors import UsageError

_INSTALL = 'pip install "deblur-stream[live]"'


def require_window() -> None:
    """Refuses where no window can be opened.

    On Linux, this has to be called before PyAV is imported: the libraries for X that come with PyAV are other builds
    than those of OpenCV, and where they were loaded first, opening a window never returns.

    Raises:
        UsageError: If OpenCV is missing or is the build without windows, or there is no display.
        RuntimeError: If PyAV was imported before OpenCV on Linux.
    """
    if find_spec("cv2") is None:
        raise UsageError(f"`window` needs OpenCV: {_INSTALL}", field="window")
    if sys.platform.startswith("linux"):
        require_x_display(os.environ.get("DISPLAY", ""))
    import cv2

    loaded = list(sys.modules)
    if sys.platform.startswith("linux") and "av" in loaded and loaded.index("av") < loaded.index("cv2"):
        raise RuntimeError("import cv2 before av: on Linux, OpenCV's window never opens in the other order")
    if not cv2.currentUIFramework():
        raise UsageError(
            "the OpenCV that is installed has no windows: opencv-python-headless (of the extra `train`) has replaced "
            "opencv-python; put it back by `pip install --force-reinstall --no-deps opencv-python`"
        )


def require_x_display(name: str) -> None:
    """Connects to the X server once; Qt as it comes with OpenCV knows no other displays, under Wayland neither.

    Args:
        name: Name of the display, as the environment variable DISPLAY holds it.

    Raises:
        UsageError: If there is none, or it does not answer.
    """
    match = re.fullmatch(r"(?:unix)?(?P<host>[^:]*):(?P<number>\d+)(?:\.\d+)?", name)
    if match is None:
        raise UsageError("there is no display for `window` (DISPLAY is not set); use `serve` or another output")
    number = int(match["number"])
    try:
        if match["host"]:
            socket.create_connection((match["host"], 6000 + number), timeout=3.0).close()
        else:
            _connect_locally(number)
    except OSError as error:
        raise UsageError(
            f"the display {name} for `window` does not answer ({error.strerror or error}); use `serve` or another "
            "output"
        ) from error


def _connect_locally(number: int) -> None:
    if sys.platform == "win32":
        raise OSError("Windows has no sockets at which X servers listen locally")
    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - where X servers listen
    failure: OSError | None = None
    for address in (path, f"\0{path}"):
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(address)
            except OSError as error:
                failure = failure or error
            else:
                return
    if failure is not None:
        raise failure
