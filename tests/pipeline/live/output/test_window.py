"""The window: keys and mouse where there is no screen, then on a virtual X display, and what that screen shows."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest

pygame: Any = pytest.importorskip("pygame", reason="pygame-ce is not installed")

from pipeline.live.output.window import Preview  # noqa: E402 - it needs pygame
from pipeline.live.output.window_drawing import compose, fitted, write_lines  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.live.live_engine import LiveEngine
    from pipeline.live.session import LiveSession

ROOT = Path(__file__).resolve().parents[4]
TOOLS = ("Xvfb", "xdotool")

PROGRAM = """
import json, sys
from pathlib import Path
from pipeline.live.input.address import find_address
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
    surface = pygame.Surface((400, 200))
    surface.fill((128, 128, 128))
    write_lines(surface, ["30 frames/s", "help"])
    picture = pygame.surfarray.array3d(surface).swapaxes(0, 1)
    assert (picture[:150] == 128).all()
    assert (picture[190:] < 50).any()
    assert (picture[150:] > 200).any()


def test_lines_find_a_place_in_a_picture_of_any_size() -> None:
    write_lines(pygame.Surface((1, 1)), ["30 frames/s", "help"])


@pytest.mark.parametrize(
    ("room", "expected"),
    [((400, 300), (0, 0, 400, 300)), ((400, 400), (0, 50, 400, 300)), ((800, 300), (200, 0, 400, 300))],
)
def test_a_picture_is_in_the_middle_and_keeps_its_shape(
    room: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    assert tuple(fitted((200, 150), room)) == expected


class Unseen:
    """A window that no screen shows, with a session behind it."""

    def __init__(self, session: LiveSession, folder: Path) -> None:
        self.lines: list[str] = []
        self.recordings = 0
        self.session = session
        self.preview = Preview(session, folder, self.lines.append, self._toggle)

    def _toggle(self) -> bool:
        self.recordings += 1
        return self.recordings % 2 == 1

    def show(self, frame: av.VideoFrame) -> None:
        """Waits until a frame has come through the engine and is shown."""
        shown = self.preview.count.passed
        self.session.push(frame)
        deadline = time.perf_counter() + 20
        while self.preview.count.passed == shown:
            assert time.perf_counter() < deadline
            assert self.preview.step(0.05)

    def press(self, *letters: str) -> bool:
        """Presses and lets go of keys, one after the other; returns whether the window stays open."""
        for letter in letters:
            pygame.event.post(pygame.Event(pygame.KEYDOWN, key=ord(letter), unicode=letter))
            pygame.event.post(pygame.Event(pygame.KEYUP, key=ord(letter)))
        return self.preview.step(0.0)

    def levels(self) -> list[int]:
        """The red of a line across the window, above the text."""
        (window,) = [one for one in vars(self.preview).values() if isinstance(one, pygame.Window)]
        surface = window.get_surface()
        row = surface.get_height() // 3
        return [surface.get_at((column, row))[0] for column in range(surface.get_width())]


@pytest.fixture
def unseen(live_engine: LiveEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unseen]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    made = Unseen(live_engine.open(), tmp_path)
    yield made
    made.preview.close()


def test_keys_set_the_strength_within_its_range(unseen: Unseen) -> None:
    for keys, strength in (("-", 0.9), ("__", 0.7), ("+=", 0.9), ("+" * 30, 1.5), ("-" * 30, 0.0)):
        assert unseen.press(*keys)
        assert unseen.session.strength == pytest.approx(strength)


def test_a_held_key_repeats_for_the_strength_alone(unseen: Unseen) -> None:
    for letter in "- ":
        for _ in range(3):
            pygame.event.post(pygame.Event(pygame.KEYDOWN, key=ord(letter), unicode=letter))
    assert unseen.preview.step(0.0)
    assert unseen.session.strength == pytest.approx(0.7)
    assert not unseen.session.enabled


def test_keys_and_mouse_change_what_is_shown(unseen: Unseen, frame: Callable[..., av.VideoFrame]) -> None:
    unseen.show(frame(120, size=(400, 300)))
    levels = unseen.levels()
    assert len(levels) == 400
    before, after = levels[50], levels[350]
    assert before < after
    assert (levels[150], levels[250]) == (before, after)
    pygame.event.post(pygame.Event(pygame.MOUSEBUTTONDOWN, button=pygame.BUTTON_LEFT, pos=(40, 9)))
    assert unseen.preview.step(0.0)
    assert (unseen.levels()[20], unseen.levels()[60]) == (before, after)
    pygame.event.post(pygame.Event(pygame.MOUSEMOTION, buttons=(0, 0, 0), pos=(300, 9), rel=(1, 1)))
    assert unseen.preview.step(0.0)
    assert unseen.levels()[60] == after
    pygame.event.post(pygame.Event(pygame.MOUSEMOTION, buttons=(1, 0, 0), pos=(300, 9), rel=(1, 1)))
    assert unseen.preview.step(0.0)
    assert (unseen.levels()[280], unseen.levels()[320]) == (before, after)
    unseen.press("d")
    assert set(unseen.levels()) == {after}
    unseen.press("d", " ")
    unseen.show(frame(120, size=(400, 300)))
    assert {level for level in unseen.levels() if level < 250} == {before}


def test_keys_record_and_take_snapshots(unseen: Unseen, frame: Callable[..., av.VideoFrame], tmp_path: Path) -> None:
    assert unseen.press("s")  # of nothing yet
    unseen.show(frame(120, size=(64, 48)))
    assert unseen.press("r", "s", "r")
    assert unseen.recordings == 2
    (snapshot,) = tmp_path.glob("*.png")
    picture = cv2.imread(str(snapshot))
    assert picture is not None
    assert picture.shape == (48, 64, 3)
    assert set(picture.flat) == {unseen.levels()[-1]}
    assert unseen.lines == [f"snapshot {snapshot}"]


@pytest.mark.skipif(sys.platform == "win32", reason="there, folders can be deleted from under a program in other ways")
def test_a_snapshot_that_can_not_be_written_is_a_line(
    unseen: Unseen, frame: Callable[..., av.VideoFrame], tmp_path: Path
) -> None:
    unseen.show(frame())
    tmp_path.rmdir()
    assert unseen.press("s")
    assert "can't write the snapshot" in unseen.lines[0]
    tmp_path.mkdir()


@pytest.mark.parametrize("event", ["q", "\x1b", "close", "quit"])
def test_a_window_can_be_closed(unseen: Unseen, event: str) -> None:
    if event in ("close", "quit"):
        pygame.event.post(pygame.Event({"close": pygame.WINDOWCLOSE, "quit": pygame.QUIT}[event]))
        assert not unseen.preview.step(0.0)
    else:
        assert not unseen.press(event)


def test_a_stream_that_stands_still_is_told(
    unseen: Unseen, frame: Callable[..., av.VideoFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("pipeline.live.output.window.write_lines", lambda _surface, lines: said.extend(lines))
    monkeypatch.setattr("pipeline.live.output.window.STALE", 0.3)
    unseen.show(frame())
    assert not any("no picture" in line for line in said)
    end = time.perf_counter() + 1
    while time.perf_counter() < end:
        assert unseen.preview.step(0.05)
    assert any("no picture" in line for line in said)


def test_nothing_is_printed_and_signals_stay_the_program_s_own() -> None:
    """SDL would take SIGTERM where nobody else has, and pygame prints a banner."""
    program = """
import os, signal
from pipeline.live.live_engine import LiveEngine
from pipeline.live.output.window import Preview
from pathlib import Path
from tests.support.engines import BrighteningEngine

with LiveEngine(BrighteningEngine()) as live_engine:
    preview = Preview(live_engine.open(), Path(), print, bool)
    preview.step(0.1)
    os.kill(os.getpid(), signal.SIGTERM)
    preview.step(0.1)
    print("still there")
"""
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        env={**os.environ, "SDL_VIDEODRIVER": "dummy", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGTERM, "", "")


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
        end = time.monotonic() + 60
        while True:
            self.window = self._do("search", "--sync", "--onlyvisible", "--class", "deblur").split()[0]
            try:
                self._do("windowfocus", self.window)
            except subprocess.CalledProcessError:  # SDL shows a first window, and then one of the picture's size
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
            else:
                return

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

    def resize(self, width: int, height: int) -> None:
        self._do("windowsize", "--sync", self.window, width, height)

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
    screen.resize(600, 300)  # bars on either side of a picture of 400x300
    until(lambda: screen.levels()[50] < 3 and screen.levels()[550] < 3)
    until(lambda: all(abs(level - bright) <= 3 for level in screen.levels()[110:490]))
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
def test_window_and_engine_live_in_one_process(show: Callable[[list[str]], Screen], until: Callable[..., None]) -> None:
    """The shipped network over time, with OpenCV inside, beside PyAV and SDL, which each bring libraries for X."""
    source = "lavfi:testsrc2=s=320x240:r=10"
    screen = show(["-c", "from pipeline.cli import main; main()", "live", source, "--look-ahead", "1", "--window"])
    until(lambda: screen.geometry()[2:] == (320, 240), 60)
    until(lambda: screen.picture().std() > 20)
    screen.press("q")
    _, err = screen.program.communicate(timeout=60)
    assert screen.program.returncode == 0, err
    assert "look-ahead 1" in err


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
