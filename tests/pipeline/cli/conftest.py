"""The real command line in a process of its own, and small clips for it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import av
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    out: bytes
    err: str

    @property
    def error(self) -> str:
        """The one line that starts with the program's name; that it is the last and the only one is asserted."""
        lines = self.err.splitlines()
        assert [line for line in lines if line.startswith("deblur: ")] == lines[-1:], self.err
        assert "Traceback" not in self.err
        return lines[-1]


class CommandLine:
    """Runs ``deblur`` in a process of its own."""

    environment: ClassVar = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}

    def run(
        self,
        *arguments: object,
        prelude: str = "",
        stdin: Any = subprocess.DEVNULL,
        data: bytes | None = None,
        path: Sequence[Path] = (),
    ) -> Ended:
        """Runs to the end; ``prelude`` is Python that runs before the program, ``path`` comes first on PYTHONPATH."""
        code = f"{prelude}\nfrom pipeline.cli import main\nmain()"
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code, *map(str, arguments)],
            **({"input": data} if data is not None else {"stdin": stdin}),
            capture_output=True,
            env={**self.environment, "PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT)))},
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr.decode())

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """Starts it with pipes at all ends."""
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
        )


@pytest.fixture(scope="session")
def deblur() -> CommandLine:
    return CommandLine()


def write_clip(path: Path, frames: int = 12, codec: str = "libx264", sound: bool = True) -> Path:
    """A clip of 64x48 pixels with moving stripes and a second of silence."""
    options = {"preset": "veryfast", "g": "4", "bf": "2"} if codec == "libx264" else {}
    container_options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", container_options=container_options) as output:
        video: Any = output.add_stream(codec, rate=25, options=options)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        if sound:
            audio: Any = output.add_stream("aac", rate=16000, layout="mono")
        for number in range(frames):
            picture = np.zeros((72, 64), np.uint8) + 128
            picture[:48] = (np.arange(64) * 7 + np.arange(48)[:, None] * 3 + number * 11) % 200 + 16
            frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(video.encode(frame))
        if sound:
            for number in range(8):
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                silence.sample_rate, silence.pts, silence.time_base = 16000, number * 1024, Fraction(1, 16000)
                output.mux(audio.encode(silence))
            output.mux(audio.encode(None))
        output.mux(video.encode(None))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve frames of H.264 with sound, in an MP4 whose index comes first."""
    return write_clip(tmp_path / "clip.mp4")


@pytest.fixture
def make_clip() -> Callable[..., Path]:
    return write_clip


@pytest.fixture
def assert_no_output() -> Callable[[Path], None]:
    def check(output: Path) -> None:
        """Nothing under the final name, and nothing temporary beside it."""
        assert not output.exists()
        assert [path.name for path in output.parent.iterdir() if "partial" in path.name] == []

    return check
