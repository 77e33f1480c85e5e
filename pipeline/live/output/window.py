"""The window: the picture before and after, on either side of a line that can be dragged."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import cv2
from av.video.reformatter import VideoReformatter

from network.planes import MAX_STRENGTH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from av import VideoFrame
    from numpy.typing import NDArray

    from pipeline.live.counters import FlowCount
    from pipeline.live.session import LiveSession
    from pipeline.live.subscription import LiveResult

KEYS = "space on/off   + - strength   d divider   s snapshot   r record   h help   q quit"

STEP = 0.1
"""Change of the strength by one press of a key."""

STALE = 1.0
"""Seconds without a new picture, after which the window says so."""

_QUIT = (ord("q"), 27)
_WHITE = (255, 255, 255)


class Preview:
    """Shows the results of a session. All methods are for the main thread, as window systems ask for."""

    def __init__(
        self,
        session: LiveSession,
        folder: Path,
        tell: Callable[[str], None],
        toggle_recording: Callable[[], bool],
        title: str = "deblur live",
    ) -> None:
        """Opens the window.

        Args:
            session: Session whose results are shown, and whose strength the keys set.
            folder: Folder for snapshots.
            tell: Function that takes a line for the user.
            toggle_recording: Function that starts or stops a recording, and returns whether one is running now.
            title: Title of the window.
        """
        self._session, self._folder, self._tell = session, folder, tell
        self._toggle_recording, self._title = toggle_recording, title
        self._subscription = session.subscribe()
        self._reformatter = VideoReformatter()
        self._result: LiveResult | None = None
        self._pictures: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
        self._divider = 0.5
        self._is_split = self._shows_help = True
        self._is_recording = False
        self._snapshots = 0
        self._last_new = time.perf_counter()
        # Without WINDOW_GUI_NORMAL, Qt adds a tool bar and takes some keys for itself.
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.setMouseCallback(title, self._on_mouse)

    @property
    def name(self) -> str:
        """Name of the output for the user."""
        return "window"

    @property
    def count(self) -> FlowCount:
        """Counts of shown and dropped frames, and the latency from capture to display."""
        return self._subscription.count

    def step(self, timeout: float) -> bool:
        """Shows a new picture, and handles pressed keys.

        Args:
            timeout: Seconds to wait for a new picture.

        Returns:
            False if the user closed the window or asked to quit.
        """
        result = self._subscription.get(timeout)
        is_first = self._result is None
        if result is not None:
            self._result, self._last_new = result, time.perf_counter()
            frame = self._to_bgr(result.frame)
            before = frame if result.original is result.frame else self._to_bgr(result.original)
            self._pictures = before, frame
        self._draw()
        key = cv2.waitKeyEx(1)
        if result is not None and is_first:  # a size that was set before the window is there is sometimes lost
            cv2.resizeWindow(self._title, result.frame.width, result.frame.height)
        if result is not None:
            self._subscription.mark_shown(result)
        while key != -1:
            if not self._press(key):
                return False
            key = cv2.waitKeyEx(1)
        return self._result is None or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        """Closes the window."""
        self._subscription.close()
        cv2.destroyWindow(self._title)
        cv2.waitKey(1)

    def _to_bgr(self, frame: VideoFrame) -> NDArray[np.uint8]:
        picture: NDArray[Any] = self._reformatter.reformat(frame, format="bgr24").to_ndarray()
        return picture

    def _draw(self) -> None:
        if self._pictures is None:
            return
        before, after = self._pictures
        silence = time.perf_counter() - self._last_new
        picture = compose(before, after, self._divider if self._is_split else 0.0)
        lines = [self._status()]
        if silence > STALE:
            lines.append(f"no picture for {silence:.0f} s")
        if self._shows_help:
            lines.append(KEYS)
        write_lines(picture, lines)
        cv2.imshow(self._title, picture)

    def _status(self) -> str:
        shown = self.count
        parts = [
            f"{shown.rate:.0f} frames/s",
            f"{shown.recent:.0f} ms" if shown.passed else "",
            f"{self._session.count.dropped} dropped",
            f"strength {self._session.strength:.1f}" if self._session.enabled else "off",
            "recording" if self._is_recording else "",
        ]
        return "   ".join(part for part in parts if part)

    def _press(self, key: int) -> bool:
        """Handles a pressed key; returns False if it is the key to quit."""
        session, letter = self._session, key & 0xFF
        if key in _QUIT:
            return False
        if letter == ord(" "):
            session.enabled = not session.enabled
        elif letter in b"+=":
            session.strength = min(round(session.strength + STEP, 3), MAX_STRENGTH)
        elif letter in b"-_":
            session.strength = max(round(session.strength - STEP, 3), 0.0)
        elif letter == ord("d"):
            self._is_split = not self._is_split
        elif letter == ord("h"):
            self._shows_help = not self._shows_help
        elif letter == ord("s"):
            self._snapshot()
        elif letter == ord("r"):
            self._is_recording = self._toggle_recording()
        return True

    def _snapshot(self) -> None:
        if self._pictures is None:
            return
        self._snapshots += 1
        path = self._folder / f"deblur-{datetime.now():%Y%m%d-%H%M%S}-{self._snapshots}.png"  # noqa: DTZ005 - local
        _, data = cv2.imencode(".png", self._pictures[1])  # imwrite fails on some names on Windows
        try:
            path.write_bytes(data.tobytes())
        except OSError as error:
            self._tell(f"can't write the snapshot {path}: {error.strerror or error}")
        else:
            self._tell(f"snapshot {path}")

    def _on_mouse(self, event: int, x: int, _y: int, flags: int, _data: Any) -> None:
        is_drag = event == cv2.EVENT_MOUSEMOVE and flags & cv2.EVENT_FLAG_LBUTTON
        if self._pictures is not None and (event == cv2.EVENT_LBUTTONDOWN or is_drag):
            self._divider = min(max(x / self._pictures[0].shape[1], 0.0), 1.0)


def compose(before: NDArray[np.uint8], after: NDArray[np.uint8], divider: float) -> NDArray[np.uint8]:
    """One picture of two: ``before`` left of the divider, ``after`` right of it, and a line between them.

    Args:
        before: Picture before, uint8 (height, width, 3).
        after: Picture after, uint8 of the same shape.
        divider: Place of the divider, 0 to 1 from left to right; 0 shows ``after`` alone.

    Returns:
        A new array of the same shape.
    """
    picture = after.copy()
    column = round(divider * after.shape[1])
    if column > 0:
        picture[:, :column] = before[:, :column]
        picture[:, max(column - 1, 0) : column + 1] = 255
    return picture


def write_lines(picture: NDArray[np.uint8], lines: list[str]) -> None:
    """Writes lines at the bottom of a picture, the first one lowest, on a darkened strip; changes the picture.

    Args:
        picture: Picture, uint8 (height, width, 3).
        lines: Lines of ASCII letters.
    """
    scale = max(picture.shape[1] / 1400, 0.35)
    height = round(36 * scale)
    strip = picture[-min(height * len(lines), len(picture)) :]
    strip //= 3
    for number, line in enumerate(lines):
        place = (round(10 * scale), picture.shape[0] - round(12 * scale) - number * height)
        cv2.putText(picture, line, place, cv2.FONT_HERSHEY_SIMPLEX, scale, _WHITE, 1, cv2.LINE_AA)
