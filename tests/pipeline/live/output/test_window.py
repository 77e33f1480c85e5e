"""The window on a virtual X display: real keys, a real mouse, and what the screen then shows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

cv2: Any = pytest.importorskip("cv2", reason="OpenCV is not installed")

from pipeline.live.output.window import compose, write_lines  # noqa: E402 - it needs OpenCV

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[4]
TOOLS = ("Xvfb", "xdotool")

PROGRAM = """
import json, sys
from pipeline.live.output.window_check import require_window
require_window()
from pathlib import Path
from pipeline.live.input.address import find_address
from pipeline.live.output.worker import NullOutput
from pipeline.live.output.window import Preview
from pipeline.live.run import LiveJob, run_live
from pipeline.live.status import LineStatus
from tests.support.engines import BrighteningEngine

folder = Path(sys.argv[1])
job = LiveJob(
    find_address("lavfi:color=c=gray:s=400x300:r=20"),
    open_window=lambda session, tell, toggle: Preview(session, folder, tell, toggle),
    folder=folder,
    duration=100,
)
done = run_live(job, BrighteningEngine(50), LineStatus(sys.stderr, 1))
print(json.dumps(done.as_dict()))
"""


def test_before_is_left_and_after_is_right_of_the_divider() -> None:
    before, after = np.full((4, 100, 3), 50, np.uint8), np.full((4, 100, 3), 90, np.uint8)
    picture = compose(before, after, 0.25)
    assert (picture[:, :24] == 50).all()
    assert (picture[:, 24:26] == 255).all()
    assert (picture[:, 26:] == 90).all()
    assert (compose(before, after, 0.0) == 90).all()
    assert (compose(before, after, 1.0)[:, :99] == 50).all()
    assert (before == 50).all()
    assert (after == 90).all()


def test_lines_are_written_at_the_bottom() -> None:
    picture = np.full((200, 400, 3), 128, np.uint8)
    write_lines(picture, ["30 frames/s", "help"])
    assert (picture[:150] == 128).all()
    assert (picture[190:] < 50).any()
    assert (picture[150:] > 200).any()


class Screen:
    """A display, the program on it, and hands."""

    def __init__(self, arguments: list[str], display: str, frame_buffer: Path) -> None:
        self._display, self._frame_buffer = display, frame_buffer
        environment = {**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)}
        environment.pop("WAYLAND_DISPLAY", None)
        self.program = subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.window = ""

    def find_window(self) -> None:
        """Waits for the window, and gives it the keyboard, as a window manager would."""
        self.window = self._do("search", "--sync", "--onlyvisible", "--name", "deblur live").split()[0]
        self._do("windowfocus", self.window)

    def _do(self, *arguments: object) -> str:
        return subprocess.run(  # noqa: S603
            ["xdotool", *map(str, arguments)],  # noqa: S607 - wherever the system has it
            env={**os.environ, "DISPLAY": self._display},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    def press(self, key: str) -> None:
        self._do("key", key)
        time.sleep(0.15)  # of keys that come within one look at the keyboard, OpenCV gives the last

    def drag(self, start: float, end: float) -> None:
        """Drags from one place of the window to another, as parts of its width."""
        left, top, width, height = self.geometry()
        self._do("mousemove", left + round(start * width), top + height // 3, "mousedown", 1)
        self._do("mousemove", left + round((start + end) / 2 * width), top + height // 3)
        self._do("mousemove", left + round(end * width), top + height // 3, "mouseup", 1)

    def geometry(self) -> tuple[int, int, int, int]:
        lines = self._do("getwindowgeometry", "--shell", self.window).splitlines()
        facts = dict(line.split("=") for line in lines)
        return int(facts["X"]), int(facts["Y"]), int(facts["WIDTH"]), int(facts["HEIGHT"])

    def picture(self) -> np.ndarray[Any, Any]:
        """The window as the screen shows it: uint8 (height, width, 3)."""
        data = self._frame_buffer.read_bytes()
        header = np.frombuffer(data, ">u4", 25)
        offset = int(header[0]) + 12 * int(header[19])
        height, line = int(header[5]), int(header[12])
        screen = np.frombuffer(data, np.uint8, height * line, offset).reshape(height, line // 4, 4)
        left, top, width, height = self.geometry()
        return screen[top : top + height, left : left + width, :3].copy()

    def levels(self, at: float = 0.3) -> list[int]:
        """The grey of a line across the window, above the text."""
        picture = self.picture()
        return [int(value) for value in picture[round(at * len(picture)), :, 0]]


@pytest.fixture
def show(tmp_path: Path) -> Iterator[Callable[[list[str]], Screen]]:
    """Starts Python with some arguments on a display of its own, and waits for its window."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} are not installed (Debian: xvfb, xdotool)")
    if not cv2.currentUIFramework():
        pytest.skip("this OpenCV is the build without windows")
    buffers = tmp_path / "screen"
    buffers.mkdir()
    read, write = os.pipe()
    server = subprocess.Popen(  # noqa: S603
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-fbdir", str(buffers), "-nolisten", "tcp"],  # noqa: S607
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        display = f":{answer.readline().strip()}"
    opened: list[Screen] = []

    def start(arguments: list[str]) -> Screen:
        opened.append(Screen(arguments, display, buffers / "Xvfb_screen0"))
        opened[-1].find_window()
        return opened[-1]

    yield start
    for screen in opened:
        if screen.program.poll() is None:
            screen.program.kill()
            screen.program.communicate()
    server.terminate()
    server.wait(20)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_command_opens_a_window_where_no_other_output_is_asked_for(
    show: Callable[[list[str]], Screen], until: Callable[..., None]
) -> None:
    source = "lavfi:color=c=gray:s=400x300:r=20"
    screen = show(["-c", "from pipeline.cli import main; main()", "live", source, "--network", "identity"])
    until(lambda: 100 < screen.levels()[10] < 150, 60)
    screen.press("q")
    _, err = screen.program.communicate(timeout=60)
    assert screen.program.returncode == 0, err
    assert "window: " in err


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_keys_and_mouse_do_what_they_say(
    show: Callable[[list[str]], Screen], tmp_path: Path, until: Callable[..., None]
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    screen = show(["-c", PROGRAM, str(made)])
    grey, bright = 128, 186  # of luma 126 and 176 in limited range

    def is_split_at(place: float) -> bool:
        levels = screen.levels()
        middle = round(place * len(levels))
        line = [column for column, level in enumerate(levels) if level > 250]
        return (
            bool(line)
            and abs(line[0] - middle) <= 8
            and all(abs(level - grey) <= 3 for level in levels[8 : line[0] - 4])
            and all(abs(level - bright) <= 3 for level in levels[line[-1] + 4 : -8])
        )

    def is_all(level: int) -> bool:
        return all(abs(value - level) <= 3 for value in screen.levels()[8:-8])

    until(lambda: is_split_at(0.5), 60)
    screen.drag(0.5, 0.8)
    until(lambda: is_split_at(0.8))
    if "DEBLUR_SCREENSHOT" in os.environ:
        cv2.imwrite(os.environ["DEBLUR_SCREENSHOT"], screen.picture())
    screen.press("d")
    until(lambda: is_all(bright))
    screen.press("space")
    until(lambda: is_all(grey))
    screen.press("space")
    until(lambda: is_all(bright))
    for _ in range(10):
        screen.press("minus")
    until(lambda: is_all(grey))
    for _ in range(10):
        screen.press("plus")
    until(lambda: is_all(bright))
    screen.press("s")
    until(lambda: list(made.glob("*.png")))
    screen.press("r")
    until(lambda: list(made.glob("*.mkv")))
    time.sleep(1)
    screen.press("r")
    time.sleep(0.5)
    screen.press("q")
    out, err = screen.program.communicate(timeout=60)
    assert screen.program.returncode == 0, err
    report = json.loads(out)
    assert report["outputs"]["window"]["shown"] > 10
    assert report["outputs"]["window"]["latency_ms"]["p50"] > 0
    (snapshot,) = made.glob("*.png")
    picture = cv2.imread(str(snapshot))
    assert picture.shape == (300, 400, 3)
    assert abs(int(picture.mean()) - bright) <= 3
    (recording,) = made.glob("*.mkv")
    assert report["outputs"][f"recording {recording}"]["shown"] >= 5
    assert f"note: snapshot {snapshot}" in err


def _repeated(clip: Path, out: Path, times: int) -> str:
    """The film several times over, so that it lasts on a busy machine until it has been looked at."""
    with av.open(clip) as source, av.open(out, "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        assert stream.duration is not None
        for turn in range(times):
            source.seek(0)
            for packet in source.demux(stream):
                if packet.dts is not None and packet.pts is not None:
                    packet.dts += turn * stream.duration
                    packet.pts += turn * stream.duration
                    packet.stream = copy
                    target.mux(packet)
    return str(out)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_film_is_shown_in_its_size_by_the_shipped_network(
    show: Callable[[list[str]], Screen], shared_clip: Callable[[str], Path], until: Callable[..., None], tmp_path: Path
) -> None:
    clip = _repeated(shared_clip("phone_blur_desk.mp4"), tmp_path / "film.mp4", 8)
    program = "from pipeline.cli import main; main()"
    screen = show(["-c", program, "live", clip, "--size", "720x432", "--window"])
    until(lambda: screen.geometry()[2:] == (720, 432), 60)
    until(lambda: screen.picture().std() > 20)
    if folder := os.environ.get("SCREENSHOTS"):
        cv2.imwrite(str(Path(folder) / "live-window.png"), screen.picture())
    screen.press("q")
    _, err = screen.program.communicate(timeout=60)
    assert screen.program.returncode == 0, err
