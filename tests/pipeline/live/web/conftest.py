"""The page served for real, a browser that opens it, and a camera with a blurred picture."""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.engines.load import load_engine
from tests.support import browser, web
from tests.support.waiting import wait_until_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.runner.protocols import Engine


@pytest.fixture(autouse=True)
def suite_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that deblurs a file imports engines from this suite, which an installed program does not see."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[4])])


@pytest.fixture
def serve() -> Any:
    """Serves the page; see :func:`tests.support.web.serve`."""
    return web.serve


@pytest.fixture
def open_browser() -> Any:
    """Starts a Chromium; skips where there is none."""
    return browser.open_browser


@pytest.fixture(scope="session")
def identity() -> Engine:
    """The engine that changes nothing."""
    return load_engine("openvino", "identity", threads=1)


@pytest.fixture
def blurred_camera(shared_clip: Callable[[str], Path], tmp_path: Path) -> Path:
    """A file that Chromium plays as its camera: a phone's own, really blurred film."""
    return web.write_camera_file(shared_clip("phone_blur_desk.mp4"), tmp_path / "camera.y4m")


@pytest.fixture
def visit() -> Any:
    """Opens a page without a browser; see :func:`tests.support.web.visit`."""
    return web.visit


@pytest.fixture
def camera_of() -> Any:
    """Makes a camera of a size; see :class:`tests.support.web.ColourTrack`."""
    return web.ColourTrack


@pytest.fixture
def until() -> Any:
    """Waits until a condition holds; fails after a minute."""
    return wait_until_async


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test may leave a thread of a connection or a working process behind."""
    before = set(threading.enumerate())  # an engine of another test may wait for its garbage collection
    yield
    end = time.monotonic() + 5
    names = ("video-decoder", "deblur")
    while left := [one.name for one in threading.enumerate() if one not in before and one.name.startswith(names)]:
        assert time.monotonic() < end, left
        time.sleep(0.02)
    assert not multiprocessing.active_children()
